begin;
select plan(2);

select is_empty(
  $$
    select z.zone, m.at
    from unnest(array['UTC', 'America/New_York', 'Asia/Kolkata', 'Asia/Kathmandu']) as z (zone)
    cross join generate_series(timestamptz '2026-01-01 00:17Z', '2026-12-31', interval '13 hours 7 minutes') as m (at)
    cross join lateral tally.quota_period('hourly', z.zone, null, m.at) as p
    where p.starts_at <> date_trunc('hour', m.at at time zone z.zone) at time zone z.zone
      and extract(minute from p.starts_at at time zone z.zone) <> 0
      or m.at < p.starts_at or m.at >= p.ends_at or p.ends_at - p.starts_at <> interval '1 hour'
  $$,
  'of half-hour zones too');
select results_eq(
  $$ select * from tally.quota_period('hourly', 'UTC', '2026-01-01 00:20Z', '2026-11-23 10:10Z') $$,
  $$ values (timestamptz '2026-11-23 09:20Z', timestamptz '2026-11-23 10:20Z') $$,
  'or counted from an anchor');

select * from finish();
rollback;
