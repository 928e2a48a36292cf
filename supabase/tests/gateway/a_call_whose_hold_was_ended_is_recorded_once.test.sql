begin;
select plan(6);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select public.set_gateway_policy(tests.id_of('acme'), '{"unsettled_holds": "settle"}');
create function pg_temp.hold() returns uuid language sql as $$
  select (public.reserve_usage(jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai',
    'model', 'gpt-4o', 'input_tokens', 1000, 'max_output_tokens', 500, 'expires_in', 60)) ->> 'hold_id')::uuid $$;
create temp table late as
select pg_temp.hold() as hold_id, jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tally.uuid_v7(now()),
  'provider', 'openai', 'model', 'gpt-4o', 'input_tokens', 400, 'output_tokens', 100) as event;

select public.release_hold(hold_id) from late;
select is(tests.error_of(format('select tally.settle_gateway_call(%L, %L, %L)', hold_id, event, '{}')) ->> 'code', 'PT410',
  'a released hold cannot be settled') from late;
select is(tally.settle_gateway_call(hold_id, event, '{"is_late": true}') ->> 'cost_usd', '0.002',
  'its call was made, and is recorded by itself') from late;
select is(tally.settle_gateway_call(hold_id, event, '{"is_late": true}') ->> 'id', event ->> 'id', 'sent again: the same event')
from late;

truncate late;
insert into late select pg_temp.hold(), jsonb_build_object('organization_id', tests.id_of('acme'), 'id',
  tally.uuid_v7(now()), 'provider', 'openai', 'model', 'gpt-4o', 'input_tokens', 400, 'output_tokens', 100);
update public.usage_holds set expires_at = now() - interval '1 second' where id = (select hold_id from late);
select tally.tick();
select is(tests.error_of(format('select tally.settle_gateway_call(%L, %L, %L)', hold_id, event, '{"is_late": true}')) ->> 'code', 'PT409',
  'what the tidy-up has recorded at its bound is not recorded again') from late;
select is((select count(*) from public.token_usage), 2::bigint, 'each call is in the ledger once');
select is((select current_usage from public.check_quota(tests.id_of('acme'), 'openai', 'gpt-4o', 0)), 0.0095,
  'and in its quota');

select * from finish();
rollback;
