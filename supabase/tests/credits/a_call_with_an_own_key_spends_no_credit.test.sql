begin;
select plan(8);

select tests.create_organization('acme');
select public.grant_credit(tests.id_of('acme'), 5);
select public.set_quota(tests.id_of('acme'), 'monthly', 100);

select is(
  tests.reserve('acme', '{"estimated_cost": 6}') #>> '{blocked_by,reason}', 'credit',
  'a call beyond the credit is refused');
select tests.reserve('acme', '{"estimated_cost": 6, "is_byok": true}') as answer \gset
select is(
  (:'answer'::jsonb ->> 'allowed'), 'true', 'not one with a key of its own: who brings it pays the provider');
select results_eq(
  format('select reserved from public.quota_status(%L) where quota_type = %L', tests.id_of('acme'), 'monthly'),
  'values (6::numeric)', 'a limit keeps room for it all the same');
select is(
  tests.reserve('acme', '{"estimated_cost": 95, "is_byok": true}') #>> '{blocked_by,reason}', 'quota',
  'and refuses one beyond it');

select public.settle_usage((:'answer'::jsonb ->> 'hold_id')::uuid, '{"cost_usd": 4}');
select is(
  (select u.is_byok from public.token_usage as u where u.organization_id = tests.id_of('acme')), true,
  'its event says so without being told');
select results_eq(
  format('select spent, balance from public.credit_balance(%L)', tests.id_of('acme')),
  'values (0::numeric, 5::numeric)', 'pending, it has spent nothing');
select tally.fold(tests.id_of('acme'));
select results_eq(
  format('select c.balance, q.current_usage from public.credit_balance(%1$L) as c, public.quota_status(%1$L) as q where q.quota_type = %2$L',
    tests.id_of('acme'), 'monthly'),
  'values (5::numeric, 4::numeric)', 'nor folded, while the limit counts it');
select is_empty('select from public.verify_ledger()', 'and the ledger agrees');

select * from finish();
rollback;
