begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada');
select public.track_usage(jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai', 'model', 'gpt-4o',
  'input_tokens', 1, 'idempotency_key', 'once'));
create function pg_temp.admit(call jsonb) returns text language sql as $$
  select tests.error_of(format('select tally.admit_gateway_call(%L, %L)',
    jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai', 'model', 'gpt-4o',
      'input_tokens', 1, 'max_output_tokens', 1, 'expires_in', 600), call || '{"has_operator_key": true}')) ->> 'code'
$$;

select is(pg_temp.admit(jsonb_build_object('member_id', tests.id_of('ada'))), null, 'a member is admitted');
select is(pg_temp.admit(jsonb_build_object('member_id', tests.id_of('eve'))), 'PT403', 'a stranger is not');
select is(pg_temp.admit('{"idempotency_key": "once"}'), 'PT409', 'nor a call that was answered already');

select * from finish();
rollback;
