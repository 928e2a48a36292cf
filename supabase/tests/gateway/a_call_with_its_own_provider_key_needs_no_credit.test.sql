begin;
select plan(3);

select tests.create_organization('acme');
select public.create_api_key(tests.id_of('acme'), 'server') ->> 'key' as key \gset
select public.grant_credit(tests.id_of('acme'), 0.001);
create function pg_temp.call(key text, how jsonb) returns jsonb language sql as $$
  select jsonb_build_array(
    jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai', 'model', 'gpt-4o',
      'input_tokens', 1000, 'max_output_tokens', 500),
    jsonb_build_object('api_key', key) || how) $$;

select is(
  (select a.answer #>> '{blocked_by,reason}'
   from tally.admit_gateway_calls(jsonb_build_array(pg_temp.call(:'key', '{"has_operator_key": true}'))) as a (answer)),
  'credit', 'with the key of the operator there is too little credit');
select is(
  (select array_agg(a.answer ->> 'allowed')
   from tally.admit_gateway_calls(jsonb_build_array(
     pg_temp.call(:'key', '{"has_own_key": true}'), pg_temp.call(:'key', '{"has_own_key": true}'))) as a (answer)),
  '{true,true}', 'with keys of their own they need none, together');
select is(
  tally.admit_gateway_call(c.call -> 0, c.call -> 1) ->> 'allowed', 'true', 'or alone')
from (select pg_temp.call(:'key', '{"has_own_key": true, "classes": "cache_write"}') as call) as c;

select * from finish();
rollback;
