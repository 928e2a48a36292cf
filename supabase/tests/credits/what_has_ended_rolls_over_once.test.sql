begin;
select plan(3);

select tests.create_organization('acme');
select public.grant_credit(tests.id_of('acme'), 4, expires_at => now() + interval '1 hour', rollover => interval '1 day');
select tests.track('acme', '{"cost_usd": 1}');

select tally.fold(tests.id_of('acme'), now() + interval '2 hours');
select results_eq(
  'select amount, remaining, expired_amount from public.credit_grants order by created_at, rolled_from nulls first',
  'values (4::numeric, 0::numeric, 3::numeric), (3, 3, 0)', 'what was left goes on as a grant of its own');
select tally.fold(tests.id_of('acme'), now() + interval '2 days');
select is((select sum(remaining) from public.credit_grants), 0::numeric, 'and ends with it');
select is_empty('select from public.verify_ledger()', 'the ledger agrees');

select * from finish();
rollback;
