begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme', '{"estimated_cost": 6}') as hold \gset
select tests.outlive(:'hold');
select public.settle_usage(:'hold', '{"input_tokens": 1000000, "output_tokens": 0}', false);
select tally.fold(tests.id_of('acme'));
select public.settle_usage(:'hold', '{"input_tokens": 1000000, "output_tokens": 0}', false);

select is(tests.standing('acme'), '2 used, 0 held, 8 left', 'before and after the sweep');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
