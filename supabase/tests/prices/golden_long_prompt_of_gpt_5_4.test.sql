begin;
select plan(1);

select tests.create_organization('acme');

select is(
  (tests.track('acme', '{"provider": "openai", "model": "gpt-5.4", "input_tokens": 300000, "output_tokens": 1000}')
    ->> 'cost_usd')::numeric,
  1.5225, 'the whole request at the long rate');

select * from finish();
rollback;
