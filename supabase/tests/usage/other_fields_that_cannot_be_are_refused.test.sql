begin;
select plan(1);

select tests.create_organization('acme');

select is(
  array(
    select tests.complaint_about(tests.event_of('acme', e.extra))
    from unnest(array[
      '{"status": "ok"}', '{"duration_ms": -1}', '{"duration_ms": 99999999999}', '{"is_byok": "perhaps"}',
      '{"user_id": "ada"}', '{"cost_usd": -0.01}', '{"cost_usd": "NaN"}', '{"cost_usd": 1e10}',
      '{"idempotency_key": ""}', '{"request_metadata": []}', '{"request_metadata": "x"}'
    ]::jsonb[]) with ordinality as e (extra, n)
    order by e.n),
  array['PT400 status', 'PT400 duration_ms', 'PT400 duration_ms', 'PT400 is_byok', 'PT400 user_id',
    'PT400 cost_usd', 'PT400 cost_usd', 'PT400 cost_usd', 'PT400 idempotency_key', 'PT400 request_metadata',
    'PT400 request_metadata'],
  'each is named');

select * from finish();
rollback;
