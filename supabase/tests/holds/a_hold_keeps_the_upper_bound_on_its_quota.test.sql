begin;
select plan(3);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);

select tests.reserve('acme', '{"estimated_cost": 4}') as answer \gset

select is(:'answer'::jsonb -> 'allowed', 'true', 'it is admitted');
select is(
  (:'answer'::jsonb ->> 'expires_at')::timestamptz, now() + interval '10 minutes', 'for ten minutes');
select is(tests.standing('acme'), '0 used, 4 held, 6 left', 'and kept');

select * from finish();
rollback;
