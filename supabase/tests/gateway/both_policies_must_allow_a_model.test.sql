begin;
select plan(6);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'admin');
create function pg_temp.admit(model text) returns text language sql as $$
  select tests.error_of(format('select tally.admit_gateway_call(%L, %L)',
    jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai', 'model', admit.model,
      'input_tokens', 1, 'max_output_tokens', 1, 'expires_in', 600),
    '{"has_operator_key": true}')) ->> 'code'
$$;

select is(pg_temp.admit('o3'), null, 'without a policy every model is allowed');
select public.set_gateway_policy(tests.id_of('acme'), '{"allowed_models": ["openai/gpt-*", "o3"]}');
select is(pg_temp.admit('o3'), null, 'a model is listed by its name');
select is(pg_temp.admit('gpt-4o-mini'), null, 'or by how it begins');
select is(pg_temp.admit('o4-mini'), 'PT403', 'all others are refused');
select tests.act_as('ada');
select public.set_gateway_policy(tests.id_of('acme'), '{"allowed_models": ["gpt-4o-mini", "o4-mini"]}');
select tests.act_as_owner();
select is(pg_temp.admit('gpt-4o-mini'), null, 'what both list is allowed');
select is(pg_temp.admit('o4-mini'), 'PT403', 'an organization cannot allow itself more');

select * from finish();
rollback;
