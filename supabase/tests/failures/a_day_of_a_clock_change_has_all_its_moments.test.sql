begin;
select plan(2);

select is(
  array(
    select p.ends_at - p.starts_at
    from unnest(array['2026-03-29 12:00Z', '2026-10-25 12:00Z']::timestamptz[]) as at
    cross join lateral tally.quota_period('daily', 'Europe/Berlin', null, at) as p),
  array[interval '23 hours', interval '25 hours'], 'https://github.com/langwatch/tasks/issues/458');
select is_empty(
  $$
    select at
    from generate_series(timestamptz '2026-10-24 20:00Z', '2026-10-26 02:00Z', interval '10 minutes') as at
    cross join lateral tally.quota_period('daily', 'Europe/Berlin', null, at) as p
    where at < p.starts_at or at >= p.ends_at
  $$,
  'and every moment is in the day that holds it');

select * from finish();
rollback;
