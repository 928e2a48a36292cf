begin;
select plan(5);

select tests.create_organization('acme');
select public.create_api_key(tests.id_of('acme'), 'server') ->> 'key' as key \gset
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tally.admit_gateway_call(
  jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai', 'model', 'gpt-4o',
    'input_tokens', 1000, 'max_output_tokens', 500, 'expires_in', 600),
  jsonb_build_object('api_key', :'key', 'has_operator_key', true)) as admission \gset

select is((:'admission'::jsonb -> 'allowed')::text, 'true', 'a call that fits is admitted');
select is(:'admission'::jsonb #>> '{headroom,held}', '0.0075', 'its hold is the upper bound');
select is(:'admission'::jsonb #>> '{headroom,remaining}', '9.9925', 'and what is left beside it is known');
select is(
  tally.settle_gateway_call((:'admission'::jsonb ->> 'hold_id')::uuid,
    '{"provider": "openai", "model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}',
    jsonb_build_object('headroom', :'admission'::jsonb -> 'headroom')) - 'id',
  '{"cost_usd": 0.0035, "remaining": 9.9965}', 'settling tells the cost, and what is left after it');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
