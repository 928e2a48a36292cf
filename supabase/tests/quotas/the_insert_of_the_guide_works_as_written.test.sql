begin;
select plan(3);

select tests.create_organization('acme');

insert into usage_quotas (organization_id, quota_type, quota_limit, current_usage, reset_at)
values (tests.id_of('acme'), 'daily', 1.00, 0.99, now() + interval '1 day');

select is(tests.standing('acme'), '0.99 used, 0 held, 0.01 left', 'what was used is kept');
select results_eq('select period_start, reset_at, metric, enforcement, unpriced_policy from public.usage_quotas',
  $$ values (now(), now() + interval '1 day', 'cost_usd', 'hard', 'refuse') $$,
  'the period is computed back from its end');
select is((select allowed from public.check_quota(tests.id_of('acme'), 'openai', 'gpt-4', 0.05)), false,
  'a call of five cents is refused');

select * from finish();
rollback;
