begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_organization('globex');
select public.set_quota(tests.id_of(o), 'monthly', 10) from unnest(array['acme', 'globex']) as o;
select public.set_alert_channel(tests.id_of(o), 'email', 'ops@' || o || '.test') from unnest(array['acme', 'globex']) as o;
-- A hundred alerts of one organization are older than the one of the other.
insert into public.usage_alerts (organization_id, quota_id, kind, threshold, level, metric, quota_type, quota_limit,
  current_usage, period_start, reset_at)
select organization_id, id, 'threshold', n, 'warning', metric, quota_type, quota_limit, 10, period_start, reset_at
from public.usage_quotas, generate_series(1, 100) as n
where n = 1 or organization_id = tests.id_of('acme');
update tally.alert_deliveries set next_attempt_at = now() - interval '1 hour' where organization_id = tests.id_of('acme');

select results_eq(
  'select address, count(*) from tally.claim_alert_deliveries(20) group by address order by address',
  $$ values ('ops@acme.test', 5::bigint), ('ops@globex.test', 1) $$, 'five of one channel at a time');
select is((select count(*) from tally.claim_alert_deliveries(20)), 5::bigint, 'then the next five');

select * from finish();
rollback;
