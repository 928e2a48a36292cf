begin;
select plan(3);

select tests.create_model('echo', '{"input": 1, "cache_write": 1.25, "output": 10, "reasoning": 12}');
select public.set_price('lab', 'echo', '{"input": 2, "cache_write": 2.5, "output": 20}', context_from => 1000,
  valid_from => now() - interval '1 day');

select is((select cost_usd from tally.upper_bound_cost('lab', 'echo', 999, 100)), 0.00244875,
  'the dearest class in, the dearest out');
select is((select cost_usd from tally.upper_bound_cost('lab', 'echo', 1000, 100)), 0.0045,
  'the dearest band that the prompt may reach');
select is((select cost_usd from tally.upper_bound_cost('lab', 'unheard-of', 1, 1)), null, 'no bound without a price');

select * from finish();
rollback;
