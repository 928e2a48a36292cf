begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme', '{"estimated_cost": 1}') as hold \gset

select public.settle_usage(:'hold', '{"input_tokens": 3000000, "output_tokens": 0}', false);

select is(tests.standing('acme'), '3 used, 0 held, 7 left', 'the hold is empty, not negative');
select public.settle_usage(:'hold', '{"input_tokens": 3000000, "output_tokens": 0}', false);
select is(tests.standing('acme'), '6 used, 0 held, 4 left', 'further draws count as well');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
