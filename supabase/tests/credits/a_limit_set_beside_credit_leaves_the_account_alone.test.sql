begin;
select plan(5);

select tests.create_organization('acme');
select public.grant_credit(tests.id_of('acme'), 10);
select id as account from public.usage_quotas where is_credit \gset

select public.set_quota(tests.id_of('acme'), 'total', 100) as quota \gset
select isnt(:'quota'::uuid, :'account'::uuid, 'a limit of cost in total is a quota of its own');
select results_eq(
  format('select granted, balance from public.credit_balance(%L)', tests.id_of('acme')),
  'values (10::numeric, 10::numeric)', 'and grants nothing');
select is(
  tests.reserve('acme', '{"estimated_cost": 11}') #>> '{blocked_by,reason}', 'credit',
  'so that a call beyond the credit is refused');

select is(tests.codes_of(format('select public.remove_quota(%L)', :'account')), array['PT400'],
  'the account cannot be removed');
select is_empty('select from public.verify_ledger()', 'and the ledger agrees');

select * from finish();
rollback;
