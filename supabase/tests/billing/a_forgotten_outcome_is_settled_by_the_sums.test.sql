begin;
select plan(8);

select tests.create_organization('acme');
select public.set_billing_meter('tokens', 'total_tokens', starts_at => '2020-01-01', stripe_meter_id => 'mtr_1');
select public.set_billing_customer(tests.id_of('acme'), 'cus_acme', '2020-01-01');
create temporary table clock as select date_trunc('hour', now()) - interval '5 days' as hour;
select public.track_usage(jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'lab', 'model', 'echo',
  'input_tokens', 5 * n, 'cost_usd', 0, 'created_at', c.hour + n * interval '1 hour')) from clock as c, generate_series(1, 2) as n;
select tally.fold(tests.id_of('acme'));
create function pg_temp.at(hours integer) returns timestamptz language sql as $$ select hour + hours * interval '1 hour' from clock $$;
select tally.prepare_billing_reports(at => pg_temp.at(4));
select tally.claim_billing_reports(at => pg_temp.at(4));
create function pg_temp.read(hours integer, counted integer) returns jsonb language sql as $$
  select tally.record_billing_summaries(tests.id_of('acme'), 'tokens', 'cus_acme', pg_temp.at(1), pg_temp.at(3),
    jsonb_build_array(jsonb_build_object('hour', pg_temp.at(1), 'value', read.counted)), true, pg_temp.at(read.hours))
$$;

select is_empty('select from tally.claim_billing_checks(at => pg_temp.at(20))', 'within a day it is sent again, not asked about');
select is((pg_temp.read(20, 5) ->> 'repaired')::numeric, 0::numeric, 'and a difference is not repaired');
select is((select count(*) from tally.claim_billing_checks(at => pg_temp.at(30))), 2::bigint, 'later its hours are asked about');
select is((pg_temp.read(30, 5) ->> 'repaired')::numeric, 10::numeric, 'what the sink lacks is sent');
select results_eq('select kind, state, value, amount from public.billing_reports order by hour, seq',
  $$ values ('usage', 'delivered', 5::numeric, 5::numeric), ('usage', 'delivered', 10, 10), ('repair', 'pending', 10, 0) $$,
  'as a repair, which bills nothing new');
select is((pg_temp.read(31, 5) ->> 'repaired')::numeric, 0::numeric, 'a second look sends nothing: it is on its way');
select results_eq('select due_at >= pg_temp.at(32) from tally.billing_checks', array[true], 'the hour will be looked at again');
select is_empty('select from public.verify_billing()', 'and all of it is what the ledger says');

select * from finish();
rollback;
