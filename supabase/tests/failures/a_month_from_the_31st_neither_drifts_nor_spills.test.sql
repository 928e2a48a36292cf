begin;
select plan(2);

create temporary view months as
select p.starts_at::date as starts_on, p.ends_at::date as ends_on
from generate_series(timestamptz '2026-02-05', '2030-02-05', interval '1 month') as at
cross join lateral tally.quota_period('monthly', 'UTC', '2024-01-31', at) as p;

select is_empty(
  $$
    select * from months
    where ends_on <> least(date_trunc('month', starts_on + interval '5 days') + interval '1 month' - interval '1 day',
      date_trunc('month', starts_on + interval '5 days') + interval '30 days')::date
  $$,
  'https://github.com/polarsource/polar/issues/10664, https://github.com/useautumn/autumn/pull/2115: each ends on the last day');
select is_empty(
  'select m.* from months as m where not exists (select from months as n where n.ends_on = m.starts_on)
    and m.starts_on > ''2026-02-01''',
  'https://github.com/twentyhq/twenty/pull/23973: and where the one before it ended');

select * from finish();
rollback;
