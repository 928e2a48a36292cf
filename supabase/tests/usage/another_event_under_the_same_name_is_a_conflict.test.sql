begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select tally.uuid_v7(now()) as id \gset
select tests.track('acme', jsonb_build_object('id', :'id', 'idempotency_key', 'k')) as answer \gset

select is(
  array(
    select tests.error_of(format('select tests.track(''acme'', %L)', jsonb_build_object('id', :'id',
      'idempotency_key', 'k') || e.extra)) ->> 'code'
    from unnest(array['{"input_tokens": 1001}', '{"model": "other"}', '{"tool_name": "t"}', '{"status": "failed"}',
      '{"request_metadata": {}}', '{"user_id": "00000000-0000-4000-8000-000000000001"}', '{"cost_usd": 1}',
      '{"units": 1, "unit_type": "second"}', '{"is_byok": true}', '{"duration_ms": 5}']::jsonb[]) as e (extra)),
  array_fill('PT409'::text, array[10]), 'whatever differs');
select is(tests.codes_of('select tests.track(''acme'', ''{"idempotency_key": "k", "output_tokens": 1}'')'),
  array['PT409'], 'by the key alone');
select is((select count(*) from public.token_usage), 1::bigint, 'nothing was added');

select * from finish();
rollback;
