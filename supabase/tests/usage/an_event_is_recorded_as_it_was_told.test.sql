begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo') as card \gset
select tests.track('acme', jsonb_build_object('user_id', tests.id_of('ada'), 'api_key_id', tests.id_of('key'),
  'execution_id', tests.id_of('run'), 'tool_name', 'tool', 'operation', 'op', 'session_id', 's',
  'workflow_id', 'w', 'status', 'timeout', 'duration_ms', 12, 'is_byok', true, 'is_estimated', true,
  'idempotency_key', 'k', 'request_metadata', jsonb_build_object('a', 1))) as answer \gset

select is(:'answer'::jsonb - 'id', jsonb_build_object('status', 'recorded', 'cost_usd', 0.002,
  'price_id', :card, 'input_tokens', 1000, 'output_tokens', 100, 'total_tokens', 1100), 'the answer');
select results_eq(
  format($$
    select user_id, api_key_id, execution_id, provider, model, tool_name, operation, session_id,
      workflow_id, status, duration_ms, is_byok, is_estimated, idempotency_key, request_metadata, classes,
      total_tokens, cost_usd, resource_type, service_tier
    from public.usage_event(%L)
  $$, :'answer'::jsonb ->> 'id'),
  format($$
    values (%L::uuid, %L::uuid, %L::uuid, 'lab', 'echo', 'tool', 'op', 's', 'w', 'timeout', 12, true, true,
      'k', '{"a": 1}'::jsonb, '{"input": 1000, "output": 100}'::jsonb, 1100::bigint, 0.002, 'token', 'standard')
  $$, tests.id_of('ada'), tests.id_of('key'), tests.id_of('run')),
  'and the row');

select * from finish();
rollback;
