-- Messages: 5000 tokens written to the cache (3000 for 5 minutes, 2000 for an hour), 20000 read, 2 searches.
begin;
select plan(1);

select tests.create_organization('acme');

select is(
  (tests.track('acme', '{"provider": "anthropic", "model": "claude-sonnet-4-5", "input_tokens": 27095,
    "output_tokens": 503, "classes": {"input": 2095, "cache_write": 3000, "cache_write_1h": 2000,
    "cache_read": 20000, "output": 503, "web_search": 2}}') ->> 'cost_usd')::numeric,
  0.06308, 'both lifetimes of the cache and the searches');

select * from finish();
rollback;
