begin;
select plan(9);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
create function pg_temp.call(place integer, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_array(
    public.reserve_usage(jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai',
      'model', 'gpt-4o', 'input_tokens', 1000, 'max_output_tokens', 500, 'session_id', 'of ' || place)) ->> 'hold_id',
    jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tally.uuid_v7(now()), 'provider', 'openai',
      'model', 'gpt-4o', 'input_tokens', 100 * place, 'output_tokens', 100) || more,
    '{"headroom": {"metric": "cost_usd", "remaining": "9.9", "held": "0.0075"}, "counted_tokens": 100, "counted_model": "gpt-4o"}'
      ::jsonb) $$;
select jsonb_build_array(pg_temp.call(1), pg_temp.call(2, '{"model": "gpt-4o-2024-08-06"}'), pg_temp.call(3)) as calls \gset

select results_eq(
  format('select id, cost_usd, remaining, error from tally.settle_gateway_calls(%L)', :'calls'),
  format($$ select (c.value #>> '{1,id}')::uuid, a.cost, a.remaining, null::jsonb
    from jsonb_array_elements(%L) with ordinality as c (value, place)
    join (values (1, 0.00125, 9.90625), (2, 0.0015, 9.906), (3, 0.00175, 9.90575)) as a (place, cost, remaining) using (place)
    order by place $$, :'calls'),
  'each is answered, in their order, with its cost and what is left after it');
select results_eq(
  'select count(*), min(cardinality(event_ids)), bool_or(is_beyond_hold) from tally.usage_deltas',
  'values (1::bigint, 3, false)', 'one delta names all of them');
select is(released, '{"cost_usd": 0.0225, "input_tokens": 3000, "total_tokens": 4500, "output_tokens": 1500, "requests": 3}',
  'and gives back what their holds kept') from tally.usage_deltas;
select is(array_agg(session_id order by input_tokens), '{of 1,of 2,of 3}', 'what an event leaves out its hold says')
from public.token_usage;
select is(count(*), 3::bigint, 'their holds are settled') from public.usage_holds where state = 'settled' and event_id is not null;
select is(count(*), 3::bigint, 'how each was counted is noted') from tally.token_samples;
select results_eq(
  'select current_usage, reserved from public.check_quota(tests.id_of(''acme''), ''openai'', ''gpt-4o'', 0)',
  'values (0.0045, 0::numeric)', 'the quota is exact');
select tally.fold(tests.id_of('acme'));
select results_eq(
  'select trim_scale(current_usage), reserved from public.usage_quotas', 'values (0.0045, 0::numeric)', 'folded too');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
