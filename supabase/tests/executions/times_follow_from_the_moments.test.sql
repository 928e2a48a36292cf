begin;
select plan(3);

select tests.create_organization('acme');
create function pg_temp.log(run text, said jsonb) returns text language sql as $$
  select concat_ws(' ', a ->> 'queue_time_ms', a ->> 'duration_ms')
  from public.log_execution('{"package_name": "resolver"}' || said
    || jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tests.id_of(run))) as a
$$;

select is(pg_temp.log('one', '{"created_at": "2026-11-01T10:00:00Z", "started_at": "2026-11-01T10:00:02Z",
  "completed_at": "2026-11-01T10:00:07.5Z"}'), '2000 5500', 'from asked for to started, from started to completed');
select is(pg_temp.log('two', '{"created_at": "2026-11-01T10:00:00Z", "started_at": "2026-11-01T10:00:02Z",
  "completed_at": "2026-11-01T10:00:07Z", "queue_time_ms": 3, "duration_ms": 4}'), '3 4', 'what is told is believed');
select is(pg_temp.log('three', '{}'), '', 'what nobody knows is not made up');

select * from finish();
rollback;
