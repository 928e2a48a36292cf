-- generateContent: prompt 12000 (8000 cached) and 500 of tool use, 700 candidates, 1300 thoughts.
begin;
select plan(1);

select tests.create_organization('acme');

select is(
  (tests.track('acme', '{"provider": "google", "model": "gemini-3-pro-preview", "input_tokens": 12500,
    "output_tokens": 2000, "classes": {"input": 4500, "cache_read": 8000, "output": 700, "reasoning": 1300}}')
    ->> 'cost_usd')::numeric,
  0.0346, 'thoughts are output');

select * from finish();
rollback;
