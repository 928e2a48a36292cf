begin;
select plan(1);

select tests.create_organization('acme');

select is(
  array(
    select (e.error ->> 'code') || ' ' || (e.error ->> 'detail')
    from unnest(array[
      '{"organization_id": null}', '{"provider": ""}', '{"model": null}', '{"estimated_cost": -1}',
      '{"estimated_cost": "NaN"}', '{"estimated_cost": "much"}', '{"estimated_tokens": -1}', '{"input_tokens": -1}',
      '{"max_output_tokens": 1e13}', '{"requests": 0}', '{"units": -1, "unit_type": "second"}', '{"units": 1}',
      '{"expires_in": 0}', '{"expires_in": 86401}', '{"idempotency_key": ""}', '{"bogus": 1}', '{"user_id": "ada"}',
      '{"units": 1, "unit_type": "parsec"}']::jsonb[]) with ordinality as r (extra, n)
    cross join lateral tests.error_of(format('select public.reserve_usage(%L)',
      tests.request_of('acme') || r.extra)) as e (error)
    order by r.n),
  array['PT400 organization_id', 'PT400 provider', 'PT400 model', 'PT400 estimated_cost', 'PT400 estimated_cost',
    'PT400 estimated_cost', 'PT400 estimated_tokens', 'PT400 input_tokens', 'PT400 max_output_tokens',
    'PT400 requests', 'PT400 units', 'PT400 units', 'PT400 expires_in', 'PT400 expires_in',
    'PT400 idempotency_key', 'PT400 bogus', 'PT400 user_id', 'PT400 unit_type'],
  'each field');

select * from finish();
rollback;
