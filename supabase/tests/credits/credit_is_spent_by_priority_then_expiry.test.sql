begin;
select plan(4);

select tests.create_organization('acme');
select public.grant_credit(tests.id_of('acme'), 5, 'paid', note => 'bought');
select public.grant_credit(tests.id_of('acme'), 2, 'promotional', 10, note => 'gift');
select public.grant_credit(tests.id_of('acme'), 1, 'paid', expires_at => now() + interval '1 day', note => 'soon gone');

select tests.track('acme', '{"cost_usd": 2.5}');
select tally.fold(tests.id_of('acme'));

select results_eq(
  'select note, remaining from public.credit_grants order by priority, expires_at nulls last',
  $$ values ('gift', 0::numeric), ('soon gone', 0.5), ('bought', 5) $$, 'first by priority, then what ends soonest');
select results_eq(
  format('select granted, spent, balance from public.credit_balance(%L)', tests.id_of('acme')),
  'values (8::numeric, 2.5::numeric, 5.5::numeric)', 'the balance');
select is(
  tests.reserve('acme', '{"estimated_cost": 5.6}') #>> '{blocked_by,reason}', 'credit', 'a call beyond it is refused');
select is_empty('select from public.verify_ledger()', 'and the ledger agrees');

select * from finish();
rollback;
