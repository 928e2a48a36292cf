-- Editing what a plan grants wiped balances that had been paid for; a new cycle began without its credit.
begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.grant_credit(tests.id_of('acme'), 25);
select public.assign_plan(tests.id_of('acme'), 'free');
select tests.track('acme', '{"cost_usd": 5, "input_tokens": 5000, "output_tokens": 0}');

select public.assign_plan(tests.id_of('acme'), 'pro');
select is(
  (select remaining from public.quota_status(tests.id_of('acme')) where metric = 'cost_usd'), 20::numeric,
  'https://github.com/polarsource/polar/issues/11427');
select is(
  (select current_usage from public.quota_status(tests.id_of('acme')) where metric = 'total_tokens'), 5000::numeric,
  'https://github.com/useautumn/autumn/pull/3164');
select is_empty('select from public.verify_ledger()', 'the ledger agrees');

select * from finish();
rollback;
