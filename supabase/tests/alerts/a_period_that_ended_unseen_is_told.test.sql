begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'daily', 4, 'requests', alert_thresholds => '{75}');
-- As if it had been made four days ago, and the scheduler been away since.
update public.usage_quotas
set period_start = period_start - interval '4 days', reset_at = reset_at - interval '4 days';
select tests.track('acme', jsonb_build_object('created_at', date_trunc('day', now()) - d.days * interval '1 day'))
from unnest(array[2, 2, 2, 1, 1]) as d (days);

select tally.fold(tests.id_of('acme'));
select results_eq(
  $$ select period_start, reset_at, current_usage from public.usage_alerts $$,
  $$ values (date_trunc('day', now()) - interval '2 days', date_trunc('day', now()) - interval '1 day', 3::numeric) $$,
  'three of four calls on the day before yesterday, two yesterday');
select is_empty('select from public.verify_ledger()', 'and the ledger agrees');

select * from finish();
rollback;
