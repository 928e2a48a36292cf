begin;
select plan(1);

select is(
  array(
    select p.ends_at - p.starts_at
    from (values
      (1, 'America/New_York', timestamptz '2026-03-08 18:00Z'), (2, 'America/New_York', '2026-11-01 18:00Z'),
      (3, 'Europe/Berlin', '2026-03-29 12:00Z'), (4, 'Europe/Berlin', '2026-10-25 12:00Z'),
      (5, 'Australia/Lord_Howe', '2026-10-04 02:00Z'), (6, 'Australia/Lord_Howe', '2026-04-05 02:00Z'),
      (7, 'Africa/Cairo', '2026-04-24 12:00Z'), (8, 'America/Havana', '2026-11-01 18:00Z')) as d (n, zone, at)
    cross join lateral tally.quota_period('daily', d.zone, null, d.at) as p
    order by d.n),
  array['23 h', '25 h', '23 h', '25 h', '23.5 h', '24.5 h', '23 h', '24 h']::interval[],
  'both changes of the clock; at midnight in Cairo and Havana');

select * from finish();
rollback;
