begin;
select plan(1);

select results_eq(
  $$
    select p.starts_at, p.ends_at
    from unnest(array['2026-03-28 12:00Z', '2026-03-29 12:00Z']::timestamptz[]) as at
    cross join lateral tally.quota_period('daily', 'Europe/Berlin', '2026-01-01 08:00Z', at) as p
  $$,
  $$ values (timestamptz '2026-03-28 08:00Z', timestamptz '2026-03-29 07:00Z'),
            ('2026-03-29 07:00Z', '2026-03-30 07:00Z') $$,
  'nine in the morning stays nine in the morning');

select * from finish();
rollback;
