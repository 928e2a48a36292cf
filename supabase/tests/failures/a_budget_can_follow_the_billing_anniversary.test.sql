begin;
select plan(1);

select results_eq(
  $$ select * from tally.quota_period('monthly', 'UTC', '2026-01-17 09:00Z', '2026-11-23 12:00Z') $$,
  $$ values (timestamptz '2026-11-17 09:00Z', timestamptz '2026-12-17 09:00Z') $$,
  'https://github.com/chmonitor/chmonitor/issues/2514');

select * from finish();
rollback;
