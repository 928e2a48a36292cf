begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.assign_plan(tests.id_of('acme'), 'pro');
select tests.track('acme', '{"input_tokens": 90000, "output_tokens": 0}');
select tally.fold(tests.id_of('acme'));

select public.assign_plan(tests.id_of('acme'), 'free');
select results_eq(
  'select metric, threshold, quota_limit from public.usage_alerts order by threshold',
  $$ values ('total_tokens', 80::numeric, 100000::numeric), ('total_tokens', 90, 100000) $$, 'a smaller plan');

select public.set_quota(tests.id_of('acme'), 'monthly', 1000000, 'input_tokens');
select public.set_quota(tests.id_of('acme'), 'monthly', 90000, 'input_tokens', alert_thresholds => '{100}');
select results_eq(
  $$ select level, current_usage from public.usage_alerts where metric = 'input_tokens' $$,
  $$ values ('exceeded', 90000::numeric) $$, 'a lower limit, which refuses whatever could have told');

update public.usage_quotas set quota_limit = 120000 where metric = 'input_tokens';
update public.usage_quotas set alert_thresholds = '{50,75,100}' where metric = 'input_tokens';
select results_eq(
  $$ select threshold, quota_limit from public.usage_alerts where metric = 'input_tokens' order by quota_limit, 1 $$,
  $$ values (100::numeric, 90000::numeric), (50, 120000), (75, 120000) $$, 'new terms, however they are set');

insert into usage_quotas (organization_id, quota_type, quota_limit, current_usage, reset_at)
values (tests.id_of('acme'), 'daily', 1.00, 0.99, now() + interval '1 day');
select results_eq(
  $$ select threshold from public.usage_alerts where metric = 'cost_usd' order by 1 $$,
  $$ values (75::numeric), (90) $$, 'a limit that is nearly used up when it is made');

select * from finish();
rollback;
