begin;
select plan(7);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select public.set_alert_channel(tests.id_of('acme'), 'email', 'ops@acme.test');
insert into public.usage_alerts (organization_id, quota_id, kind, threshold, level, metric, quota_type, quota_limit,
  current_usage, period_start, reset_at)
select organization_id, id, 'threshold', 90, 'critical', metric, quota_type, quota_limit, 9, period_start, reset_at
from public.usage_quotas;

select id as delivery, lease as first from tally.claim_alert_deliveries(10) \gset
select ok(not tally.has_due_alerts(), 'a leased delivery is not due');
select is_empty($$ select from tally.claim_alert_deliveries(10, now() + interval '119 seconds') $$, 'it is kept for two minutes');
select ok(tally.has_due_alerts(now() + interval '2 minutes'), 'then it is due again');
select lease as second, attempt from tally.claim_alert_deliveries(10, now() + interval '2 minutes') \gset
select is(:attempt, 2, 'the attempt that never reported back counts');
select is(tally.finish_alert_delivery(:'delivery', :'first', true), 'lost', 'the first sender has no say any more');
select is(tally.finish_alert_delivery(:'delivery', :'second', true), 'delivered', 'the second has');
select is(tally.finish_alert_delivery(:'delivery', :'second', false, 'HTTP 500'), 'lost', 'once');

select * from finish();
rollback;
