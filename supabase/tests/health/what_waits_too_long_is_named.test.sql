begin;
select plan(5);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'daily', 10, 'requests');
select is_empty($$ select * from tally.health where problem like '%wait%' $$, 'a healthy ledger says nothing');

select tests.hold('acme');
update public.usage_holds set expires_at = now() - interval '4 minutes' where organization_id = tests.id_of('acme');
select is_empty($$ select * from tally.health where problem like '%wait%' $$, 'nor does one that is tidied up soon');

update public.usage_holds set expires_at = now() - interval '6 minutes' where organization_id = tests.id_of('acme');
select results_eq(
  $$ select problem, since from tally.health where problem like '%wait%' $$,
  $$ values ('expired holds wait for the tidy-up', now() - interval '6 minutes') $$,
  'a hold that nobody ends says that nothing tidies up');

select tally.tick();
select is_empty($$ select * from tally.health where problem like '%wait%' $$, 'the tidy-up is the cure');

do $$
begin
  execute (
    select format('drop table tally.token_usage_%s cascade',
      to_char(date_trunc('month', now() at time zone 'UTC') + interval '1 month', 'YYYY_MM')));
end $$;
select is(array(select problem from tally.health where problem like '%partition%'),
  array['the next month has no partition'], 'a month without a partition is named before it begins');

select * from finish();
rollback;
