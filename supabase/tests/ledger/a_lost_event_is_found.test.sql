begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
select public.set_quota(tests.id_of('acme'), 'total', 1000);
select tests.hold('acme') as hold \gset
select public.settle_usage(:'hold', '{"input_tokens": 3000000, "output_tokens": 0}');

select tally.fold(tests.id_of('acme'));
delete from public.token_usage;

select bag_has('select invariant from public.verify_ledger()',
  $$ values ('usage of a quota is the sum of its events') $$, 'by the quota that counted it');
select bag_has('select invariant from public.verify_ledger()',
  $$ values ('a settled hold has its event') $$, 'and by the hold that it settled');

select * from finish();
rollback;
