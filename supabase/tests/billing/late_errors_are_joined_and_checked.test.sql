begin;
select plan(4);

select tests.create_organization('acme');
select public.set_billing_meter('tokens', 'total_tokens', starts_at => '2020-01-01', stripe_meter_id => 'mtr_1');
select public.set_billing_customer(tests.id_of('acme'), 'cus_acme', '2020-01-01');
insert into public.billing_reports (organization_id, event_name, hour, seq, identifier, amount, value, stripe_customer_id,
  event_at, next_attempt_at, created_at, state, delivered_at, attempts)
select tests.id_of('acme'), 'tokens', '2026-01-01'::timestamptz + n * interval '1 hour', 1, 'id_' || n, 5, 5, 'cus_acme',
  '2026-01-01'::timestamptz + n * interval '1 hour', now(), '2026-01-01', 'delivered', '2026-01-01'::timestamptz + n * interval '1 hour', 1
from generate_series(1, 4) as n;
create function pg_temp.tell() returns jsonb language sql as $$
  select tally.receive_meter_errors('evt_1', 'mtr_1', '2026-01-01 02:00Z', '2026-01-01 03:00Z',
    '[{"key": "id_1:r2", "code": "meter_event_customer_not_found", "message": "No such customer"}]', '2026-01-01 05:00Z')
$$;

select is(pg_temp.tell(), '{"status": "applied", "joined": 1, "checks": 4}', 'a sample is joined by its key, the others by when they were sent');
select results_eq('select identifier, last_error from public.billing_reports where last_error is not null',
  $$ values ('id_1', 'meter_event_customer_not_found: No such customer') $$, 'the report says why');
select results_eq('select distinct due_at from tally.billing_checks', array[timestamptz '2026-01-01 06:01Z'], 'the sums are asked once they are in');
select is(pg_temp.tell() ->> 'status', 'duplicate', 'told twice is told once');

select * from finish();
rollback;
