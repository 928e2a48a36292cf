begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme') as hold \gset
select tests.outlive(:'hold');

select public.settle_usage(:'hold', '{"input_tokens": 2000000, "output_tokens": 0}');

select is(tests.standing('acme'), '2 used, 0 held, 8 left', 'before a sweep');
select is((select state from public.usage_holds), 'settled', 'it is settled');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
