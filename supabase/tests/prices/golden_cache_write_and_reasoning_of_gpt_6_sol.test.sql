-- Responses: 10000 in, of which 6000 cached and 3000 written to the cache; 2000 out, 1500 of them reasoning.
begin;
select plan(1);

select tests.create_organization('acme');

select is(
  (tests.track('acme', '{"provider": "openai", "model": "gpt-6-sol", "input_tokens": 10000, "output_tokens": 2000,
    "classes": {"input": 1000, "cache_read": 6000, "cache_write": 3000, "output": 500, "reasoning": 1500}}')
    ->> 'cost_usd')::numeric,
  0.0307, 'each token once');

select * from finish();
rollback;
