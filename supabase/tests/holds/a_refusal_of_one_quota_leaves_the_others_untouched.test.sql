begin;
select plan(3);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 100);
select public.set_quota(tests.id_of('acme'), 'monthly', 5, scope => jsonb_build_object('user_id', tests.id_of('ada')))
  as tight \gset
select public.set_quota(tests.id_of('acme'), 'daily', 100, 'requests');

select tests.reserve('acme', jsonb_build_object('estimated_cost', 6, 'user_id', tests.id_of('ada'))) as answer \gset

select is(:'answer'::jsonb #>> '{blocked_by,quota_id}', :'tight', 'the second scope refuses');
select is((select count(*) from public.usage_quotas where reserved <> 0), 0::bigint, 'nothing is held on the first');
select is(tests.standing('acme', 'requests'), '0 used, 0 held, 100 left', 'nor on another metric');

select * from finish();
rollback;
