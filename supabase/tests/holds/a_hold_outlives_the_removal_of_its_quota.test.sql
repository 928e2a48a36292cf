begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10) as quota \gset
select tests.hold('acme') as hold \gset
select public.remove_quota(:'quota');

select is(public.settle_usage(:'hold', '{"input_tokens": 1}') ->> 'status', 'recorded', 'it is settled all the same');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
