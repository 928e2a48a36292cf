-- Postgres' own date_trunc says the same for every zone, moment and kind of period.
begin;
select plan(1);

select is_empty(
  $$
    select z.zone, k.quota_type, m.at, p.starts_at, p.ends_at
    from unnest(array['UTC', 'America/New_York', 'Asia/Kolkata', 'Asia/Kathmandu', 'Pacific/Auckland',
      'Pacific/Kiritimati', 'America/Sao_Paulo', 'Europe/London']) as z (zone)
    cross join (values ('daily', 'day'), ('weekly', 'week'), ('monthly', 'month'), ('yearly', 'year'))
      as k (quota_type, unit)
    cross join generate_series(timestamptz '2023-12-30 05:17Z', '2028-03-02', interval '37 hours 11 minutes') as m (at)
    cross join lateral tally.quota_period(k.quota_type, z.zone, null, m.at) as p
    cross join lateral (select date_trunc(k.unit, m.at at time zone z.zone) as first) as o
    where p.starts_at <> o.first at time zone z.zone
      or p.ends_at <> (o.first + ('1 ' || k.unit)::interval) at time zone z.zone
  $$,
  'eight zones, four years, 32 000 periods');

select * from finish();
rollback;
