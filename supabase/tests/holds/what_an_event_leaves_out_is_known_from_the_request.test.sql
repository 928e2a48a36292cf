begin;
select plan(1);

select tests.create_organization('acme');
select tests.hold('acme', jsonb_build_object('estimated_cost', 1, 'user_id', tests.id_of('ada'), 'api_key_id',
  tests.id_of('key'), 'tool_name', 't', 'operation', 'o', 'session_id', 's', 'workflow_id', 'w',
  'execution_id', tests.id_of('run'), 'service_tier', 'batch', 'resource_type', 'r')) as hold \gset

select public.settle_usage(:'hold', '{"input_tokens": 1, "output_tokens": 1, "model": "echo-2"}');

select results_eq(
  'select provider, model, user_id, api_key_id, tool_name, operation, session_id, workflow_id, execution_id,
     service_tier, resource_type from public.token_usage',
  format('values (''lab'', ''echo-2'', %L::uuid, %L::uuid, ''t'', ''o'', ''s'', ''w'', %L::uuid, ''batch'', ''r'')',
    tests.id_of('ada'), tests.id_of('key'), tests.id_of('run')),
  'and what it says wins');

select * from finish();
rollback;
