begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
-- Six days: much by day, little by night, a bit different each time.
select public.track_usage_batch(jsonb_agg(tests.event_of('acme', jsonb_build_object('tool_name', 'writer',
  'created_at', date_trunc('hour', now()) - h * interval '1 hour' + n * interval '1 minute',
  'input_tokens', 1000 + 50 * (h * 7 % 5)))))
from generate_series(1, 144) as h
cross join lateral generate_series(1, case when extract(hour from date_trunc('hour', now(), 'UTC') - h * interval '1 hour') between 8 and 18
  then 8 else 2 end) as n;
create function pg_temp.anomalies() returns text[] language sql as $$
  select array_agg(concat_ws(' ', a.dimension, a.value, a.direction, a.bucket_start = date_trunc('hour', now()) - interval '30 hours')
    order by a.dimension)
  from public.usage_anomalies(tests.id_of('acme'), now() - interval '6 days', now()) as a
$$;

select is(pg_temp.anomalies(), null, 'days and nights are nothing unusual');
select public.track_usage_batch(jsonb_agg(tests.event_of('acme', jsonb_build_object('tool_name', 'writer',
  'created_at', date_trunc('hour', now()) - interval '30 hours' + n * interval '1 minute', 'input_tokens', 9000))))
from generate_series(1, 20) as n;
select is(pg_temp.anomalies(), array['model echo high t', 'organization high t', 'tool_name writer high t'],
  'an hour that cost many times as much is found, with its model and tool');
select tally.tick();
select is(array_length(pg_temp.anomalies(), 1), 3, 'folded or not');
select is_empty(
  $$ select from public.usage_anomalies(tests.id_of('acme'), now() - interval '20 hours', now()) $$, 'in its own range only');

select * from finish();
rollback;
