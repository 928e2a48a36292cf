-- The offset was dropped: budgets in Tokyo were reset nine hours late.
begin;
select plan(2);

select results_eq(
  $$ select * from tally.quota_period('daily', 'Asia/Tokyo', null, '2026-11-23 15:30Z') $$,
  $$ values (timestamptz '2026-11-23 15:00Z', timestamptz '2026-11-24 15:00Z') $$,
  'https://github.com/BerriAI/litellm/issues/34896');
select results_eq(
  $$ select * from tally.quota_period('daily', 'Asia/Tokyo', null, '2026-11-23 14:59:59.999Z') $$,
  $$ values (timestamptz '2026-11-22 15:00Z', timestamptz '2026-11-23 15:00Z') $$,
  'the last moment before it belongs to the day before');

select * from finish();
rollback;
