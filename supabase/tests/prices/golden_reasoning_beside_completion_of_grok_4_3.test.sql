-- xAI chat: 10120 prompt tokens (128 cached), 1499 of completion and 2809 of reasoning beside it.
begin;
select plan(1);

select tests.create_organization('acme');

select is(
  (tests.track('acme', '{"provider": "xai", "model": "grok-4.3", "input_tokens": 10120, "output_tokens": 4308,
    "classes": {"input": 9992, "cache_read": 128, "output": 1499, "reasoning": 2809}}') ->> 'cost_usd')::numeric,
  0.0232856, 'what the provider itself billed (232856000 ticks)');

select * from finish();
rollback;
