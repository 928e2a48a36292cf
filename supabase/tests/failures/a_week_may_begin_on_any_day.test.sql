begin;
select plan(2);

select is(
  (select starts_at from tally.quota_period('weekly', 'UTC', null, '2026-11-22 12:00Z')), timestamptz '2026-11-16',
  'a week begins on Monday');
select is(
  (select starts_at from tally.quota_period('weekly', 'UTC', '2026-01-04', '2026-11-22 12:00Z')), timestamptz '2026-11-22',
  'https://github.com/BerriAI/litellm/issues/33161: or where its anchor says, such as Sunday');

select * from finish();
rollback;
