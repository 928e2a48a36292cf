begin;
select plan(9);

select tests.create_organization('acme');
select tests.create_model('echo');
update tally.settings set event_late_limit = '100 years';
create function pg_temp.event(day int, extra jsonb default '{}') returns jsonb language sql as $$
  select tests.event_of('acme', jsonb_build_object('created_at', timestamptz '2025-02-01T12:00:00Z' + day * interval '1 day') || extra)
$$;
select public.track_usage_batch(jsonb_agg(pg_temp.event(n))) from generate_series(0, 19) as n;
select public.track_usage(pg_temp.event(20, '{"idempotency_key": "kept"}'));
select tally.tick();
alter table public.token_usage detach partition tally.token_usage_2025_02;
create function pg_temp.calls() returns bigint language sql as $$
  select t.request_count from public.usage_totals(tests.id_of('acme'), '2025-02-01T00:00Z', '2025-03-01T00:00Z') as t
$$;
create function pg_temp.mended() returns integer language sql as $$
  select public.repair_rollup(tests.id_of('acme'), '2025-02-01T00:00Z', '2025-04-01T00:00Z')
$$;

select is(pg_temp.mended(), 0, 'a month that is detached needs no repair');
drop table tally.token_usage_2025_02;
select is(tests.complaint_about(pg_temp.event(3)), 'PT400 created_at', 'nothing more is recorded of it');
select is(public.track_usage(pg_temp.event(20, '{"idempotency_key": "kept"}')) ->> 'status', 'duplicate',
  'but a key still answers');
select public.import_usage(jsonb_build_array(pg_temp.event(3), pg_temp.event(40), pg_temp.event(5, '{"status": "odd"}'),
  pg_temp.event(20, '{"idempotency_key": "kept"}'))) as answer \gset
select is(:'answer'::jsonb - 'rejected', '{"recorded": 1, "duplicates": 1}', 'an import records the rest');
select is(jsonb_path_query_array(:'answer', '$.rejected[*].index'), '[0, 2]', 'and names its events');
select is(:'answer'::jsonb #>> '{rejected, 0, message}',
  'created_at is in 2025-02, whose events were archived; bring them back first.', 'saying why');
select is(tally.ensure_partitions('2025-02-01', '2025-02-02'), 0, 'no partition is made for it');
select is(pg_temp.mended(), 0, 'so that a repair finds nothing');
select is(pg_temp.calls(), 21::bigint, 'and takes nothing away');

select * from finish();
rollback;
