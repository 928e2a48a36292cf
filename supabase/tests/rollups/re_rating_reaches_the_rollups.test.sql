begin;
select plan(3);

select tests.create_organization('acme');
select tests.track('acme');
select tally.tick();
select is((select sum(unpriced_count)::integer from tally.usage_buckets), 1, 'an event without a price is counted as such');

select tests.create_model('echo', '{"input": 1, "output": 10}');
select public.rerate_usage('{}', 'The model has a price now.');
select results_eq('select sum(unpriced_count)::integer, sum(cost_usd) from tally.usage_buckets',
  $$ values (0, 0.002) $$, 'its adjustment counts at once');
select tally.tick();
select is_empty('select * from public.verify_rollup()', 'and is folded like an event');

select * from finish();
rollback;
