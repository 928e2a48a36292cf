begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.track('acme', '{"created_at": "2026-11-10T12:00:00Z"}');
create function pg_temp.series(bucket text) returns text language sql as $$
  select string_agg(s.request_count::text, ' ' order by s.bucket_start)
  from public.usage_timeseries(tests.id_of('acme'), '2026-11-08T06:00Z', '2026-11-12T06:00Z', bucket => series.bucket) as s
$$;

select is(pg_temp.series('day'), '0 0 1 0 0', 'days without use are zeros');
select is(pg_temp.series('week'), '0 1', 'weeks begin on Monday');
select is(
  (select count(*) from public.usage_timeseries(tests.id_of('acme'), '2026-11-08T06:00Z', '2026-11-12T06:00Z', bucket => 'hour')),
  96::bigint, 'four days have 96 hours');
select is(
  (select array[min(s.bucket_start), max(s.bucket_end)]
   from public.usage_timeseries(tests.id_of('acme'), '2026-11-08T06:00Z', '2026-11-12T06:00Z') as s),
  array['2026-11-08T06:00Z', '2026-11-12T06:00Z']::timestamptz[], 'the first and the last end where the range does');

select * from finish();
rollback;
