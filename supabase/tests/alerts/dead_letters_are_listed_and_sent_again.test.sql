begin;
select plan(8);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_member('acme', 'ada', 'admin');
select tests.create_member('globex', 'gus', 'owner');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select public.set_alert_channel(tests.id_of('acme'), 'email', 'ops@acme.test') ->> 'id' as channel \gset
insert into public.usage_alerts (organization_id, quota_id, kind, threshold, level, metric, quota_type, quota_limit,
  current_usage, period_start, reset_at)
select organization_id, id, 'threshold', 90, 'critical', metric, quota_type, quota_limit, 9, period_start, reset_at
from public.usage_quotas;
select id as delivery from tally.alert_deliveries \gset
-- The last attempt went off with its sender.
update tally.alert_deliveries set attempts = 8, lease = gen_random_uuid(), leased_until = now();
select is_empty('select from tally.claim_alert_deliveries(10)', 'there is no ninth attempt');

select tests.act_as('gus');
select is_empty('select from public.dead_alerts', 'no dead letter of others');
select tests.act_as('ada');
select results_eq(
  'select delivery_id::text, target, threshold, attempts, last_error from public.dead_alerts',
  format('values (%L, ''ops@acme.test'', 90::numeric, 8, ''The sender ended before it knew the outcome.'')', :'delivery'),
  'those of the own organization');
select public.retry_alert(:'delivery');
select is_empty('select from public.dead_alerts', 'one that is tried again is not dead');
select tests.act_as_service();
select is((select attempt from tally.claim_alert_deliveries(10)), 1, 'it begins anew');

select tests.act_as_owner();
update tally.alert_deliveries set lease = null, leased_until = null;
select public.enable_alert_channel(:'channel', false);
select is_empty('select from tally.claim_alert_deliveries(10)', 'nothing is sent to a channel that is off');
select is((select last_error from public.dead_alerts), 'The channel is turned off.', 'what waited for it is listed');
select is(tests.error_of(format('select public.retry_alert(%L)', :'delivery')) ->> 'code', 'PT409',
  'and cannot be sent before it is on again');

select * from finish();
rollback;
