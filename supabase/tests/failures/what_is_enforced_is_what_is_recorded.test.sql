-- 111 USD were enforced where 55 had been spent.
begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 100);
select public.settle_usage(tests.hold('acme'), '{"input_tokens": 500000, "output_tokens": 0}') from generate_series(1, 20);
select tests.track('acme', '{"cost_usd": 2}');

select is(
  (select current_usage from public.quota_status(tests.id_of('acme'))),
  (select sum(cost_usd) from public.token_usage), 'https://github.com/BerriAI/litellm/issues/40050: before folding');
select tally.fold(tests.id_of('acme'));
select is(
  (select current_usage from public.quota_status(tests.id_of('acme'))),
  (select sum(cost_usd) from public.token_usage), 'https://github.com/BerriAI/litellm/issues/36926: and after');

select * from finish();
rollback;
