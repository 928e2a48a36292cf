begin;
select plan(9);

select tests.create_organization('acme');
select public.create_api_key(tests.id_of('acme'), 'server') as made \gset
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
create function pg_temp.call(more jsonb, of_caller jsonb) returns jsonb language sql as $$
  select jsonb_build_array(
    jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai', 'model', 'gpt-4o',
      'input_tokens', 1000, 'max_output_tokens', 500, 'expires_in', 600) || more,
    jsonb_build_object('api_key', current_setting('tests.key'), 'has_operator_key', true) || of_caller) $$;
create function pg_temp.outcomes(variadic calls jsonb[]) returns text[] language sql as $$
  select array_agg(coalesce(a #>> '{error,code}', a ->> 'refused_by', a ->> 'allowed'))
  from tally.admit_gateway_calls(to_jsonb(calls)) as a $$;
select set_config('tests.key', :'made'::jsonb ->> 'key', true);

select is(pg_temp.outcomes(pg_temp.call('{}', '{}'), pg_temp.call('{"input_tokens": -1}', '{}'), pg_temp.call('{}', '{}')),
  '{true,PT400,true}', 'a request that cannot be is refused by itself');
select is(pg_temp.outcomes(pg_temp.call('{}', '{}'), pg_temp.call('{"input_tokens": "many"}', '{}')),
  '{true,PT400}', 'so is one whose value has the wrong type');
select is(a #>> '{error,detail}', 'input_tokens', 'and it is told which')
from tally.admit_gateway_calls(jsonb_build_array(pg_temp.call('{"input_tokens": -1}', '{}'))) as a;
select is(pg_temp.outcomes(pg_temp.call('{}', '{}'), pg_temp.call('{"model": "gpt-of-nobody"}', '{}')),
  '{true,quota}', 'a model without a price');
select is(pg_temp.outcomes(pg_temp.call('{}', '{}'), pg_temp.call('{}', '{"api_key": "sk-of-nobody"}')),
  '{true,PT401}', 'another caller');
select is(pg_temp.outcomes(pg_temp.call('{"estimated_cost": 20}', '{}'), pg_temp.call('{"estimated_cost": 1}', '{}')),
  '{quota,true}', 'calls that say what they cost are admitted one by one');

select public.set_gateway_policy(tests.id_of('acme'), '{"requests_per_minute": 2}');
select is(pg_temp.outcomes(pg_temp.call('{}', '{}'), pg_temp.call('{}', '{}'), pg_temp.call('{}', '{}')),
  '{true,true,rate}', 'and those that are counted by the minute');
select public.revoke_api_key((:'made'::jsonb ->> 'id')::uuid);
select is(pg_temp.outcomes(pg_temp.call('{}', '{}'), pg_temp.call('{}', '{}')), '{PT401,PT401}', 'a revoked key ends for each');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
