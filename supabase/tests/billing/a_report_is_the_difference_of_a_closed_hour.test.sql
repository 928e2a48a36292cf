begin;
select plan(8);

select tests.create_organization('acme');
select public.set_billing_meter('tokens', 'total_tokens', starts_at => '2020-01-01');
select public.set_billing_customer(tests.id_of('acme'), 'cus_acme', '2020-01-01');
create function pg_temp.use(at timestamptz, tokens integer) returns void language sql as $$
  select public.track_usage(jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'lab', 'model', 'echo',
    'input_tokens', use.tokens, 'cost_usd', 0, 'created_at', use.at));
  select tally.fold(tests.id_of('acme'));
$$;
create temporary table clock as select date_trunc('hour', now()) - interval '1 day' as hour;
create function pg_temp.prepare(after interval) returns integer language sql as $$
  select p.reports from clock as c, tally.prepare_billing_reports(at => c.hour + prepare.after) as p
$$;
create temporary view sent as
select r.seq, r.value, r.event_at - c.hour as since, r.identifier from public.billing_reports as r, clock as c;

select pg_temp.use(hour + interval '59 minutes', 100) from clock;
select is(pg_temp.prepare('60 minutes'), 0, 'an hour is not reported before it is over');
select is(pg_temp.prepare('61 minutes'), 1, 'a minute later it is');
select is(pg_temp.prepare('2 hours'), 0, 'and only once');
select pg_temp.use(hour + interval '1 minute', 7) from clock;
select is(pg_temp.prepare('3 hours'), 1, 'an event that comes late makes a difference');
select results_eq('select seq, value, since from sent order by seq',
  $$ values (1, 100::numeric, interval '0'), (2, 7, interval '0') $$, 'which is sent with the next number, at the hour of the event');
select is((select count(distinct identifier) from sent), 2::bigint, 'and under an identifier of its own');
select pg_temp.use(hour + interval '61 minutes', 9) from clock;
select pg_temp.prepare('4 hours');
select results_eq('select value, since from sent where seq = 1 order by since',
  $$ values (100::numeric, interval '0'), (9, interval '1 hour') $$, 'each hour is counted by itself');
select is_empty('select from public.verify_billing()', 'and all of it is what the ledger says');

select * from finish();
rollback;
