begin;
select plan(5);

select tests.create_organization('acme');
select public.set_billing_meter('tokens', 'total_tokens', starts_at => '2020-01-01');
select public.set_billing_customer(tests.id_of('acme'), 'cus_acme', '2020-01-01');
create temporary table clock as select date_trunc('hour', now()) - interval '2 days' as hour;
select public.track_usage(jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'lab', 'model', 'echo',
  'input_tokens', 5, 'cost_usd', 0, 'created_at', c.hour + n * interval '1 hour')) from clock as c, generate_series(0, 2) as n;
select tally.fold(tests.id_of('acme'));
create temporary view sent as
select r.event_at - c.hour as since, r.billed_hour - c.hour as billed, r.key_number, r.note from public.billing_reports as r, clock as c;

select tally.receive_stripe_event(jsonb_build_object('id', 'evt_1', 'type', 'invoice.finalized', 'created', 1, 'data',
  jsonb_build_object('object', jsonb_build_object('customer', 'cus_acme', 'billing_reason', 'subscription_cycle',
    'period_end', extract(epoch from c.hour + interval '90 minutes')::bigint)))) from clock as c;
select tally.prepare_billing_reports(at => hour + interval '5 hours') from clock;
select results_eq('select since from sent order by 1',
  array[interval '2 hours', '5 hours', '5 hours'], 'what belongs to an invoiced period is billed in the current hour');
select is((select count(*) from sent where note like 'Billed later: the invoice%'), 2::bigint, 'and says so');

select tally.claim_billing_reports(at => hour + interval '40 days') from clock;
select results_eq('select distinct since from sent', array[interval '40 days'], 'what waited too long to be taken is billed in the current hour too');
select results_eq('select distinct key_number from sent', array[1], 'nothing of it was sent yet, so its first key is free');
select tally.finish_billing_reports(a.lease, (select jsonb_agg(to_jsonb(r) || '{"outcome": "unknown"}') from public.billing_reports as r),
  c.hour + interval '40 days') from tally.billing_accounts as a, clock as c;
select is_empty($$ select from tally.claim_billing_reports(at => (select hour + interval '41 days' from clock)) $$,
  'what may have arrived is not sent again once its identifier is forgotten');

select * from finish();
rollback;
