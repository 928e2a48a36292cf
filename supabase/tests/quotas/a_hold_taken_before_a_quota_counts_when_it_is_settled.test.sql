begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.hold('acme', '{"input_tokens": 9000000, "max_output_tokens": 0}') as hold \gset
select public.set_quota(tests.id_of('acme'), 'total', 10);

select public.settle_usage(:'hold', '{"input_tokens": 9000000, "output_tokens": 0}');

select is(tests.reserve('acme', '{"estimated_cost": 5}') -> 'allowed', 'false', 'in full');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
