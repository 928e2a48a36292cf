begin;
select plan(4);

select tests.create_organization('acme');
select public.set_billing_meter('spend', 'cost_usd', starts_at => '2020-01-01');
select public.set_billing_meter('requests', 'requests', starts_at => '2020-01-01');
select public.set_billing_customer(tests.id_of('acme'), 'cus_acme', '2020-01-01', 2);
create temporary table clock as select date_trunc('hour', now()) - interval '1 day' as hour;
select public.track_usage(jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'lab', 'model', 'echo',
  'cost_usd', 0.01, 'is_byok', b, 'created_at', c.hour + n * interval '1 hour'))
from clock as c, unnest(array[0, 1]) as n, unnest(array[false, true]) as b;
select tally.fold(tests.id_of('acme'));
select tally.prepare_billing_reports();
select results_eq('select event_name, value from public.billing_reports order by 1, hour',
  $$ values ('requests', 2::numeric), ('requests', 2), ('spend', 20000), ('spend', 20000) $$,
  'cost is billed with markup and without what callers paid themselves; other metrics are as they are');

select public.set_billing_markup(tests.id_of('acme'), 1.5, hour + interval '1 hour') from clock;
select tally.prepare_billing_reports();
select results_eq('select value from public.billing_reports where seq = 2', array[-5000::numeric],
  'a lower markup from an hour on gives back the difference');
select results_eq('select sum(value) from public.billing_reports where event_name = ''spend''', array[35000::numeric], 'the hour before stays');
select is_empty('select from public.verify_billing()', 'and all of it is what the ledger says');

select * from finish();
rollback;
