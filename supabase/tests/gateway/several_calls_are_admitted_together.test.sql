begin;
select plan(8);

select tests.create_organization('acme');
select public.create_api_key(tests.id_of('acme'), 'server') ->> 'key' as key \gset
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select public.set_quota(tests.id_of('acme'), 'monthly', 100000, 'total_tokens');
create function pg_temp.calls(key text, tokens integer[]) returns jsonb language sql as $$
  select jsonb_agg(jsonb_build_array(
    jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai', 'model', 'gpt-4o',
      'input_tokens', t, 'max_output_tokens', 500, 'expires_in', 600, 'session_id', 'of ' || t),
    jsonb_build_object('api_key', key, 'has_operator_key', true)) order by place)
  from unnest(tokens) with ordinality as u (t, place) $$;
create temp table answers as
select row_number() over () as place, a.answer
from tally.admit_gateway_calls(pg_temp.calls(:'key', '{1000,3000,1000}')) as a (answer);

select is(array_agg((answer -> 'allowed')::text order by place), '{true,true,true}', 'all of them are admitted') from answers;
select is(
  array_agg(h.amounts - 'requests' order by a.place),
  array['{"cost_usd": 0.0075, "input_tokens": 1000, "total_tokens": 1500, "output_tokens": 500}',
    '{"cost_usd": 0.0125, "input_tokens": 3000, "total_tokens": 3500, "output_tokens": 500}',
    '{"cost_usd": 0.0075, "input_tokens": 1000, "total_tokens": 1500, "output_tokens": 500}']::jsonb[],
  'each has a hold of its own upper bound, in their order')
from answers as a join public.usage_holds as h on h.id = (a.answer ->> 'hold_id')::uuid;
select is(array_agg(h.attribution ->> 'session_id' order by a.place), '{of 1000,of 3000,of 1000}', 'and what it belongs to')
from answers as a join public.usage_holds as h on h.id = (a.answer ->> 'hold_id')::uuid;
select is(jsonb_object_agg(metric, reserved), '{"cost_usd": 0.0275, "total_tokens": 6500}', 'every quota keeps their sum')
from public.usage_quotas where organization_id = tests.id_of('acme');
select is(array_agg(answer #>> '{headroom,held}' order by place), '{1500,3500,1500}', 'each is told what it holds of the tightest')
from answers;
select is(array_agg(distinct answer #>> '{headroom,remaining}'), '{93500}', 'and what is left beside all of them') from answers;
select is(
  tally.admit_gateway_call(pg_temp.calls(:'key', '{1000}') #> '{0,0}', pg_temp.calls(:'key', '{1000}') #> '{0,1}')
    - 'hold_id' - 'headroom',
  answer - 'hold_id' - 'headroom', 'the answer is that of one alone')
from answers where place = 1;
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
