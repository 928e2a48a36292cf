begin;
select plan(6);

select tests.create_organization('acme');
select public.set_billing_meter('spend', 'cost_usd', starts_at => '2020-01-01');
select public.set_billing_customer(tests.id_of('acme'), 'cus_acme', '2020-01-01');
create temporary table clock as select date_trunc('hour', now()) - interval '1 day' as hour;
create function pg_temp.spend(usd numeric, hours integer) returns void language sql as $$
  select public.track_usage(jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'lab', 'model', 'echo',
    'cost_usd', spend.usd, 'created_at', c.hour + spend.hours * interval '1 hour')) from clock as c;
  select tally.fold(tests.id_of('acme'));
  select tally.prepare_billing_reports();
$$;
create temporary view account as select remainder from tally.billing_accounts;

select pg_temp.spend(0.0000004, 0);
select results_eq('select value, state from public.billing_reports', $$ values (0::numeric, 'delivered') $$, 'less than a micro-dollar is not sent');
select results_eq('select remainder from account', array[0.4], 'and stays with the account');
select pg_temp.spend(0.0000017, 1);
select results_eq('select value from public.billing_reports order by hour', array[0::numeric, 2], 'until it makes a whole one');
select results_eq('select remainder from account', array[0.1], 'the rest goes on');
select pg_temp.spend(1e9, 2);
select results_eq('select seq, value from public.billing_reports where hour >= (select c.hour + interval ''2 hours'' from clock as c) order by seq',
  $$ values (1, 999999999999999::numeric), (2, 1) $$, 'more than 15 digits are several reports');
select is_empty('select from public.verify_billing()', 'nothing is lost');

select * from finish();
rollback;
