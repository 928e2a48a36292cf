begin;
select plan(1);

select is(
  array(
    select p.ends_at::date
    from generate_series(0, 13) as n
    cross join lateral tally.quota_period('monthly', 'UTC', '2024-01-31',
      timestamptz '2024-01-31 12:00' + n * interval '1 month') as p
    order by n),
  array['2024-02-29', '2024-03-31', '2024-04-30', '2024-05-31', '2024-06-30', '2024-07-31',
    '2024-08-31', '2024-09-30', '2024-10-31', '2024-11-30', '2024-12-31',
    '2025-01-31', '2025-02-28', '2025-03-31']::date[],
  'over a leap year');

select * from finish();
rollback;
