-- Chat completions: 2006 prompt tokens of which 1920 were cached, 300 completion tokens.
begin;
select plan(1);

select tests.create_organization('acme');

select is(
  (tests.track('acme', '{"provider": "openai", "model": "gpt-4o", "input_tokens": 2006, "output_tokens": 300,
    "classes": {"input": 86, "cache_read": 1920, "output": 300}}') ->> 'cost_usd')::numeric,
  0.005615, 'cached tokens at their own rate');

select * from finish();
rollback;
