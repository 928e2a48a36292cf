begin;
select plan(5);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'admin');
select public.set_gateway_policy(tests.id_of('acme'), '{"max_call_cost": 1, "requests_per_minute": 3}');
select tests.act_as('ada');
select public.set_gateway_policy(tests.id_of('acme'), '{"max_call_cost": 0.01, "requests_per_minute": 100}');
select tests.act_as_owner();
prepare admit(text, integer) as select tally.admit_gateway_call(
  jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai', 'model', $1,
    'input_tokens', 0, 'max_output_tokens', $2, 'expires_in', 600), '{"has_operator_key": true}') as answer;
create function pg_temp.answer(model text, output integer) returns jsonb language plpgsql as $$
declare v jsonb; begin execute format('execute admit(%L, %s)', model, output) into v; return v; end $$;

select is(pg_temp.answer('gpt-4o', 1000) -> 'allowed', 'true'::jsonb, 'a call at the cap is admitted');
select is((pg_temp.answer('gpt-4o', 1001) -> 'blocked_by') - 'requested',
  '{"quota_id": null, "metric": "cost_usd", "quota_type": "call", "quota_limit": 0.01, "current_usage": 0, "reserved": 0, "remaining": 0.01, "reset_at": null, "reason": "call"}',
  'one above it is refused like a quota');
select is(pg_temp.answer('nothing-known', 1) #>> '{blocked_by,reason}', 'unpriced', 'one without a price too');
select is(pg_temp.answer('gpt-4o', 1) ->> 'refused_by', 'rate', 'three requests were made: the operator''s rate is reached');
select is((select count(*) from public.usage_holds), 1::bigint, 'nothing but the first is held');

select * from finish();
rollback;
