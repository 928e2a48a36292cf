begin;
select plan(7);

select tests.create_organization('acme', 'Asia/Kathmandu');
select tests.create_model('echo');
update tally.settings set event_late_limit = '100 years';
-- 20 calls a day for 41 days, at noon in Nepal.
select public.track_usage_batch((select jsonb_agg(tests.event_of('acme', jsonb_build_object('output_tokens', n, 'created_at',
  timestamptz '2026-11-20T06:15Z' - d * interval '1 day'))) from generate_series(1, 20) as n, generate_series(0, 40) as d));
create temporary table forecast as
select * from public.usage_forecast(tests.id_of('acme'), '2026-10-31T18:15Z', '2026-11-30T18:15Z', measure => 'request_count',
  at => '2026-11-20T18:15Z');

select is((select to_date from forecast), 400::numeric, 'twenty days of November are over');
select is((select array[elapsed_days, remaining_days, daily_average] from forecast), array[20, 10, 20]::numeric[], 'the daily average');
select is((select round(projected) from forecast), 600::numeric, 'thirty days come to 600');
select ok((select projected_low <= projected and projected <= projected_high from forecast), 'within its interval');
select is((select array[backtest_error_percent, backtest_count] from forecast), array[0, 17]::numeric[], 'tried on each day before');
select is(
  (select array[to_date, projected, projected_low, projected_high]
   from public.usage_forecast(tests.id_of('acme'), '2026-11-01Z', '2026-11-11Z', measure => 'request_count', at => '2026-11-20Z')),
  array[200, 200, 200, 200]::numeric[], 'what is over is known');
select is(
  (select round(projected) from public.usage_forecast(tests.id_of('acme'), '2026-12-01Z', '2026-12-11Z', measure => 'request_count', at => '2026-11-20T18:15Z')),
  200::numeric, 'what has not begun is forecast whole');

select * from finish();
rollback;
