begin;
select plan(5);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_model('echo', '{"input": 1, "output": 10}');
-- Believable disorder: two organizations, models with and without a price, users, failures, five days.
select tests.track(case when i % 3 = 0 then 'globex' else 'acme' end, jsonb_build_object(
  'model', (array['echo', 'echo', 'nobody-knows'])[1 + i % 3], 'tool_name', (array['a', 'b', null])[1 + i % 5 % 3],
  'input_tokens', 100 + i, 'output_tokens', i, 'duration_ms', i * i, 'status', (array['success', 'failed'])[1 + i % 2],
  'user_id', tests.id_of('user ' || i % 4), 'created_at', now() - i * interval '37 minutes'))
from generate_series(1, 200) as i;

select is_empty('select * from public.verify_rollup()', 'nothing folded yet: nothing is missing');
select set_eq(
  $$ select organization_id, sum(request_count) as n, sum(total_tokens) as t, sum(total_cost_usd) as c
    from public.usage_summary group by 1 $$,
  $$ select organization_id, count(*)::numeric as n, sum(total_tokens)::numeric as t, sum(cost_usd) as c
    from public.token_usage group by 1 $$,
  'unfolded events are in the summary');
select tally.tick();
select is_empty('select * from public.verify_rollup()', 'every rollup equals its events');
select is_empty('select * from tally.usage_deltas', 'and nothing is left to fold');
select set_eq(
  $$
    select organization_id, date, provider, model, tool_name, request_count, total_tokens, total_cost_usd
    from public.usage_summary
  $$,
  $$
    select organization_id, (created_at at time zone 'UTC')::date, provider, model, tool_name, count(*)::numeric,
      sum(total_tokens)::numeric as total_tokens, coalesce(sum(cost_usd), 0) as total_cost_usd
    from public.token_usage
    group by 1, 2, 3, 4, 5
  $$,
  'the summary is the sum of the rows');

select * from finish();
rollback;
