begin;
select plan(1);

select is_empty(
  $$
    select k, p.*
    from unnest(array['hourly', 'daily', 'weekly', 'monthly', 'yearly']) as k
    cross join unnest(array[null, timestamptz '2024-01-31 13:45Z']) as a (anchor)
    cross join lateral tally.quota_period(k, 'Europe/Berlin', a.anchor, '2026-11-23 10:10Z') as p
    cross join lateral tally.quota_period(k, 'Europe/Berlin', a.anchor, p.starts_at) as f
    cross join lateral tally.quota_period(k, 'Europe/Berlin', a.anchor, p.ends_at - interval '1 microsecond') as l
    cross join lateral tally.quota_period(k, 'Europe/Berlin', a.anchor, p.ends_at) as n
    where (f.starts_at, f.ends_at) <> (p.starts_at, p.ends_at)
      or (l.starts_at, l.ends_at) <> (p.starts_at, p.ends_at)
      or n.starts_at <> p.ends_at
  $$,
  'to the microsecond, and the next one follows without a gap');

select * from finish();
rollback;
