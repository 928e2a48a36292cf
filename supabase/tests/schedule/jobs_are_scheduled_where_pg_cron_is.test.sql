begin;
select plan(3);

select case
  when exists (select from pg_extension where extname = 'pg_cron') then
    set_eq(
      'select jobname from cron.job',
      array['tallybase tick', 'tallybase cron history'],
      'the migrations schedule what keeps the tables tidy')
  else
    hasnt_schema('cron', 'without pg_cron nothing is scheduled')
end;

select is(
  tests.error_of('select tally.schedule_tidy_up()') ->> 'code',
  case when not exists (select from pg_extension where extname = 'pg_cron') then 'PT503' end,
  'it can be scheduled again, or the error says what is missing');
select lives_ok('select tally.tick()', 'what is scheduled can be called by anything else as well');

select * from finish();
rollback;
