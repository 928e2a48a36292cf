begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 0.1, "cache_read": 0.0123456789, "output": 0.7}');

select is((select cost_usd from public.estimate_cost('lab', 'echo', 1000, 100)),
  (tests.track('acme') ->> 'cost_usd')::numeric, 'by tokens');
select is((select cost_usd from public.estimate_cost('lab', 'echo', 0, 0, '{"cache_read": 7, "output": 3}')),
  (tests.track('acme', '{"input_tokens": 7, "output_tokens": 3, "classes": {"cache_read": 7}}')
    ->> 'cost_usd')::numeric,
  'by classes');

select * from finish();
rollback;
