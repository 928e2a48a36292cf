begin;
select plan(1);

select is(
  array(
    select p.starts_at::date
    from generate_series(2024, 2029) as y
    cross join lateral tally.quota_period('yearly', 'UTC', '2024-02-29', make_timestamptz(y, 6, 1, 0, 0, 0, 'UTC')) as p
    order by y),
  array['2024-02-29', '2025-02-28', '2026-02-28', '2027-02-28', '2028-02-29', '2029-02-28']::date[],
  'and comes back in the next leap year');

select * from finish();
rollback;
