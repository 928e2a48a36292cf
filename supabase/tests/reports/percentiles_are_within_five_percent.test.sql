begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.track_usage_batch(jsonb_agg(tests.event_of('acme', jsonb_build_object('duration_ms', n * 10, 'input_tokens', n,
  'output_tokens', 0, 'created_at', '2026-11-10T10:00:00Z')))) from generate_series(1, 1000) as n;
create temporary table statistics as
select * from public.usage_statistics(tests.id_of('acme'), '2026-11-10T00:00Z', '2026-11-11T00:00Z');

select is((select array[sample_count, average] from statistics where measure = 'duration_ms'), array[1000, 5005.0], 'averages are exact');
select ok(
  (select abs(p50 - 5000) < 250 and abs(p95 - 9500) < 475 and abs(p99 - 9900) < 495 from statistics where measure = 'duration_ms'),
  'percentiles of durations are near');
select is(
  (select array[sample_count, p50, p95, p99, maximum] from statistics where measure = 'total_tokens' and per = 'hour'),
  array[24, 0, 0, 500500, 500500]::numeric[], 'those of hours are exact, empty hours are zeros');
select is(
  (select round(average, 6) from statistics where measure = 'request_count'), round(1000 / 24::numeric, 6), 'calls per hour');

select * from finish();
rollback;
