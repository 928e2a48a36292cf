-- Built from its parts: the day of the anchor, or the last one that the month has. Two leap years.
begin;
select plan(1);

select is_empty(
  $$
    select d.day, m.month, p.starts_at, p.ends_at
    from generate_series(28, 31) as d (day)
    cross join generate_series(timestamp '2024-01-01', '2028-12-01', interval '1 month') as m (month)
    cross join lateral (
      select (x + least(d.day, extract(day from x + interval '1 month -1 day'))::int - 1 + time '09:30')
        at time zone 'America/New_York'
      from (values (m.month), (m.month + interval '1 month')) as v (y)
      cross join lateral (select v.y::date as x) as l
    ) as b (boundary)
    cross join lateral tally.quota_period('monthly', 'America/New_York',
      ('2023-12-' || d.day || ' 09:30')::timestamp at time zone 'America/New_York', b.boundary) as p
    where p.starts_at <> b.boundary
  $$,
  'anchors 28 to 31 over five years');

select * from finish();
rollback;
