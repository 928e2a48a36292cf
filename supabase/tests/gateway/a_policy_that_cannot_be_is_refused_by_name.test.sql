begin;
select plan(14);

select tests.create_organization('acme');
select public.set_gateway_policy(tests.id_of('acme'), '{"requests_per_minute": 60}');

select is(
  (select array[e ->> 'code', e ->> 'detail'] from tests.error_of(format(
    'select public.set_gateway_policy(%L, %L)', tests.id_of('acme'), jsonb_build_object(key, value))) as e),
  array['PT400', key], key || ' ' || value)
from (values
  ('allowed_models', '[]'::jsonb), ('allowed_models', '"gpt-4o"'), ('allowed_models', '[1]'),
  ('requests_per_minute', '0'), ('requests_per_minute', '1.5'),
  ('max_call_cost', '-1'), ('max_call_cost', '"1"'),
  ('max_retries', '4'),
  ('fallback_models', '[]'), ('fallback_models', '{"gpt-4o": "gpt-4o"}'),
  ('fallback_models', '{"gpt-4o": null}'),
  ('unsettled_holds', '"keep"')
) as wrong (key, value);
select is(tests.error_of(format('select public.set_gateway_policy(%L, ''[]'')', tests.id_of('acme'))) ->> 'detail', 'policy', 'a list');
select results_eq('select requests_per_minute, max_retries from public.gateway_policies',
  'values (60, null::integer)', 'and the policy stays as it was');

select * from finish();
rollback;
