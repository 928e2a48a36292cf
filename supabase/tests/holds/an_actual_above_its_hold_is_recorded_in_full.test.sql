begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme', '{"estimated_cost": 1}') as hold \gset

select public.settle_usage(:'hold', '{"input_tokens": 12000000, "output_tokens": 0}');

select is(tests.standing('acme'), '12 used, 0 held, 0 left', 'although it is above the limit');
select is(tests.reserve('acme', '{"estimated_cost": 0}') -> 'allowed', 'false', 'and the limit trips');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
