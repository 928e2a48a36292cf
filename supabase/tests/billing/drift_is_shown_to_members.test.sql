begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada');
select public.set_billing_meter('tokens', 'total_tokens', starts_at => '2020-01-01');
select public.set_billing_customer(tests.id_of('acme'), 'cus_acme', '2020-01-01');
insert into public.billing_reports (organization_id, event_name, hour, seq, identifier, amount, value, stripe_customer_id,
  event_at, next_attempt_at, created_at, state, delivered_at)
values (tests.id_of('acme'), 'tokens', '2026-01-01', 1, 'a', 5, 5, 'cus_acme', '2026-01-01', now(), now(), 'delivered', '2026-01-01'),
  (tests.id_of('acme'), 'tokens', '2026-01-02', 1, 'b', 7, 7, 'cus_acme', '2026-01-02', now(), now(), 'delivered', '2026-01-02');
select is(tally.record_billing_summaries(tests.id_of('acme'), 'tokens', 'cus_acme', '2026-01-01', '2026-01-03',
    '[{"hour": "2026-01-01T00:00:00Z", "value": 4}, {"hour": "2026-01-02T00:00:00Z", "value": 7}, {"hour": "2026-01-02T05:00:00Z", "value": 2}]', false)
  - '{id,read_at,starts_at,ends_at,organization_id,event_name,stripe_customer_id}'::text[],
  '{"hours": 3, "drift": -1, "repaired": 0, "drifted_hours": 2, "postponed_hours": 0}', 'a run counts what differs');
select tests.act_as('ada');
select results_eq(format('select hour::date, delivered, counted, drift from public.stripe_drift(%L, ''2026-01-01'', ''2026-01-03'')', tests.id_of('acme')),
  $$ values (date '2026-01-01', 5::numeric, 4::numeric, 1::numeric), ('2026-01-02', 0, 2, -2) $$, 'members see which hours, both ways');
select results_eq('select drifted_hours from public.billing_reconciliations', array[2], 'and when it was found');

select * from finish();
rollback;
