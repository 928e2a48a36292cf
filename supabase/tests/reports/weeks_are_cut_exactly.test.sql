begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
update tally.settings set event_late_limit = '100 years';
-- Nine weeks of three users, both clock changes of Berlin and New York among them; the last days wait for a fold.
select public.track_usage_batch(jsonb_agg(tests.event_of('acme', jsonb_build_object('input_tokens', i,
  'user_id', tests.id_of('user ' || i % 3),
  'created_at', timestamptz '2025-10-01T00:20:00Z' + i * interval '173 minutes'))))
from generate_series(1, 500) as i;
select tally.tick();
select tests.track('acme', jsonb_build_object('user_id', tests.id_of('user ' || i), 'input_tokens', 1000 + i,
  'created_at', timestamptz '2025-11-14T09:00:00Z' + i * interval '30 hours'))
from generate_series(0, 2) as i;

create temporary table ranges as
select timezone, s.starts_on::timestamp at time zone timezone as starts_at, e.ends_on::timestamp at time zone timezone as ends_at
from unnest(array['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe']) as timezone
cross join unnest(array['2025-10-01', '2025-10-09', '2025-10-15', '2025-10-26 02:30', '2025-11-01 07:15']) as s (starts_on)
cross join unnest(array['2025-11-02 01:30', '2025-11-06', '2025-11-13 23:59', '2025-11-20', '2025-12-10']) as e (ends_on);
create function pg_temp.differences() returns bigint language sql as $$
  select count(*)
  from ranges as r
  cross join lateral (
    select u.user_id::text, count(*), sum(u.input_tokens)
    from public.token_usage as u
    where u.organization_id = tests.id_of('acme') and u.created_at >= r.starts_at and u.created_at < r.ends_at
    group by 1
  ) as raw (user_id, requests, tokens)
  left join lateral public.usage_breakdown(tests.id_of('acme'), r.starts_at, r.ends_at, '{}', r.timezone, 'user_id') as b
    on b.dimension = raw.user_id
  where (raw.requests, raw.tokens) is distinct from (b.request_count, b.total_input_tokens)
$$;

select is(pg_temp.differences(), 0::bigint, 'by user, ranges that cut weeks anywhere are exact in every timezone');
set local timezone = 'America/New_York';
select is(pg_temp.differences(), 0::bigint, 'whatever the timezone of the session is');
set local timezone = 'UTC';
select is(
  (select array_agg(c.minutes order by c.starts_at, c.minutes desc)
    from tally.cut_range('{2025-10-10T00:00Z,2025-10-30T00:00Z}', tally.rollup_levels('actor_totals')) as c),
  '{10080,1440,10080,10080}', 'a week is read whole and a day taken off it');
select is(
  (select sum(s.request_count) from public.usage_timeseries(tests.id_of('acme'), '2025-10-03T10:00Z', '2025-11-30T10:00Z', '{}',
    'Europe/Berlin', 'week', 'user_id') as s),
  (select count(*)::numeric from public.token_usage as u
    where u.created_at >= '2025-10-03T10:00Z' and u.created_at < '2025-11-30T10:00Z'),
  'weeks of a calendar, which begin on other days, add up to the range');

select * from finish();
rollback;
