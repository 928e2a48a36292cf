begin;
select plan(5);

select tests.create_organization('acme', 'Asia/Tokyo');
select public.create_api_key(tests.id_of('acme'), 'build server') ->> 'id' as key \gset
select public.set_quota(tests.id_of('acme'), 'monthly', 10.50, scope => jsonb_build_object('api_key_id', :'key'));
select public.set_alert_channel(tests.id_of('acme'), 'webhook', 'https://hooks.acme.test/tally') ->> 'secret' as secret \gset
insert into public.usage_alerts (organization_id, quota_id, kind, threshold, level, metric, quota_type, quota_limit,
  current_usage, period_start, reset_at)
select organization_id, id, 'threshold', 90, 'critical', metric, quota_type, quota_limit, 9.66, period_start, reset_at
from public.usage_quotas;

select tests.act_as_service();
create temporary table claimed as select * from tally.claim_alert_deliveries(10);
select results_eq(
  'select channel_kind, address, secrets, attempt from claimed',
  format('values (''webhook'', ''https://hooks.acme.test/tally'', %L, 1)', :'secret'),
  'where to, signed by what, which attempt it is');
select is(
  (select data::jsonb - 'alert_id' - 'quota_id' - 'period_start' - 'reset_at' - 'created_at' from claimed),
  jsonb_build_object('organization_id', tests.id_of('acme'), 'organization_name', 'acme', 'kind', 'threshold',
    'level', 'critical', 'threshold', 90, 'metric', 'cost_usd', 'quota_type', 'monthly', 'quota_limit', 10.5,
    'current_usage', 9.66, 'percent_used', 92, 'expected_at', null, 'timezone', 'Asia/Tokyo', 'enforcement', 'hard',
    'is_credit', false, 'scope', jsonb_build_object('api_key_id', :'key', 'api_key_name', 'build server')),
  'what the message says, money exact');
select is_empty('select from tally.claim_alert_deliveries(10)', 'what is leased is nobody else''s');

select tests.act_as_owner();
select public.rotate_alert_secret(channel_id) ->> 'secret' as rotated from tally.alert_addresses \gset
update tally.alert_deliveries set lease = null, leased_until = null;
select is((select secrets from tally.claim_alert_deliveries(10)), :'rotated' || ' ' || :'secret',
  'for a day after a rotation both secrets sign');
update tally.alert_deliveries set lease = null, leased_until = null;
select is((select secrets from tally.claim_alert_deliveries(10, now() + interval '24 hours')), :'rotated',
  'then only the new one');

select * from finish();
rollback;
