begin;
select plan(1);

select tests.create_organization('acme');
select public.grant_credit(tests.id_of('acme'), 5);
delete from public.usage_quotas where is_credit;

select results_eq('select invariant, violating_organization_id from public.verify_ledger()',
  format($$ values ('granted credit has its account', %L::uuid) $$, tests.id_of('acme')),
  'its organization would spend without a limit');

select * from finish();
rollback;
