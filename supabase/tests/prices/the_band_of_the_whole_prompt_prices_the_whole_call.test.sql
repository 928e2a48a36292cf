begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_price('lab', 'echo', '{"input": 2, "output": 15}', context_from => 200000,
  valid_from => now() - interval '1 day');

select is((tests.track('acme', '{"input_tokens": 199999}') ->> 'cost_usd')::numeric, 0.200999,
  'below the edge');
select is((tests.track('acme', '{"input_tokens": 200000}') ->> 'cost_usd')::numeric, 0.4015,
  'at the edge, output included');
select is(
  (tests.track('acme', '{"input_tokens": 200000, "classes": {"input": 1, "cache_read": 199999}}')
    ->> 'cost_usd')::numeric,
  0.4015, 'cached tokens are part of the prompt');

select * from finish();
rollback;
