begin;
select plan(7);

select tests.create_organization('acme');
select public.set_billing_meter('tokens', 'total_tokens', starts_at => '2020-01-01');
select public.set_billing_customer(tests.id_of('acme'), 'cus_acme', '2020-01-01');
select public.track_usage(jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'lab', 'model', 'echo',
  'input_tokens', 5, 'cost_usd', 0, 'created_at', now() - n * interval '1 hour')) from generate_series(2, 4) as n;
select tally.fold(tests.id_of('acme'));
select tally.prepare_billing_reports();
create temporary table first as select * from tally.claim_billing_reports(per_account => 2);

select is((select count(*) from first), 2::bigint, 'a claim takes as many as asked for');
select is_empty('select from tally.claim_billing_reports()', 'meanwhile nobody else sends for this customer and meter');
select is((select count(*) from public.billing_reports where is_sending and attempts = 1), 2::bigint, 'before it is sent it is noted that it may have been');
create function pg_temp.finish(outcome text) returns integer language sql as $$
  select tally.finish_billing_reports((select min(f.lease::text)::uuid from first as f),
    (select jsonb_agg(to_jsonb(f) || jsonb_build_object('outcome', finish.outcome, 'error', 'E')) from first as f))
$$;
select is(pg_temp.finish('unknown_stored'), 2, 'the outcome is noted');
select results_eq(
  $$ select right(idempotency_key, 3), hour from tally.claim_billing_reports(at => now() + interval '1 minute') order by hour $$,
  $$ select case when hour in (select hour from first) then ':r2' else right(identifier, 3) end, hour from public.billing_reports order by hour $$,
  'after a 500 the identifier goes with another key');
select is(pg_temp.finish('retry'), 0, 'who has lost the lease says nothing about what failed');
select is(pg_temp.finish('delivered'), 2, 'but what arrived has arrived');

select * from finish();
rollback;
