begin;
select plan(2);

select tests.create_organization('acme');

select tests.act_as_service();
insert into public.usage_quotas (organization_id, quota_type, quota_limit, reset_at)
values (tests.id_of('acme'), 'daily', 10.00, now() + interval '1 day');

select is(tests.standing('acme'), '0 used, 0 held, 10 left', 'as the guide does');
select is(tests.codes_of('update public.usage_quotas set current_usage = 0',
  'update public.usage_quotas set reserved = 0', 'update public.usage_quotas set quota_limit = 20'),
  array['42501', '42501', 'ok'], 'it may change the limit, not the counters');

select * from finish();
rollback;
