begin;
select plan(1);

select is_empty(
  $$
    select z.zone, k.quota_type, m.at, p.*
    from unnest(array['America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe', 'America/Havana', 'Africa/Cairo'])
      as z (zone)
    cross join unnest(array['hourly', 'daily', 'weekly', 'monthly']) as k (quota_type)
    cross join unnest(array['2026-03-08 00:00Z', '2026-03-29 00:00Z', '2026-10-04 00:00Z', '2026-11-01 00:00Z',
      '2026-04-04 00:00Z', '2026-04-23 20:00Z', '2026-10-24 20:00Z']::timestamptz[]) as c (change)
    cross join generate_series(c.change - interval '2 hours', c.change + interval '26 hours', interval '10 minutes')
      as m (at)
    cross join lateral tally.quota_period(k.quota_type, z.zone, null, m.at) as p
    cross join lateral tally.quota_period(k.quota_type, z.zone, null, p.ends_at) as n
    where m.at < p.starts_at or m.at >= p.ends_at or n.starts_at <> p.ends_at
  $$,
  'each is in one period, each period ends where the next starts');

select * from finish();
rollback;
