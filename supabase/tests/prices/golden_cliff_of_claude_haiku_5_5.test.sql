begin;
select plan(2);

select tests.create_organization('acme');

select is(
  (tests.track('acme', '{"provider": "anthropic", "model": "claude-haiku-5-5", "input_tokens": 100000,
    "output_tokens": 1000}') ->> 'cost_usd')::numeric,
  0.0105, 'the last prompt at the low rate');
select is(
  (tests.track('acme', '{"provider": "anthropic", "model": "claude-haiku-5-5", "input_tokens": 100001,
    "output_tokens": 1000}') ->> 'cost_usd')::numeric,
  0.0525005, 'one token more costs five times as much');

select * from finish();
rollback;
