begin;
select plan(3);

select tests.create_organization('acme');
select public.create_api_key(tests.id_of('acme'), 'server') as key \gset
select public.create_api_key(tests.id_of('acme'), 'narrow', array['track']) ->> 'key' as narrow \gset
prepare admit(text) as select tally.admit_gateway_call(
  jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai', 'model', 'gpt-4o',
    'input_tokens', 1, 'max_output_tokens', 1, 'expires_in', 600),
  jsonb_build_object('api_key', $1, 'has_operator_key', true));

select lives_ok(format('execute admit(%L)', :'key'::jsonb ->> 'key'), 'a good key is admitted');
select public.revoke_api_key((:'key'::jsonb ->> 'id')::uuid);
select throws_ok(format('execute admit(%L)', :'key'::jsonb ->> 'key'), 'PT401', null, 'a revoked one is not');
select throws_ok(format('execute admit(%L)', :'narrow'), 'PT403', null, 'nor one without the scope');

select * from finish();
rollback;
