begin;
select plan(5);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme', '{"estimated_cost": 6}') as hold \gset

select public.settle_usage(:'hold', '{"input_tokens": 1000000, "output_tokens": 0}', false);
select is(tests.standing('acme'), '1 used, 5 held, 4 left', 'the first call');
select public.settle_usage(:'hold', '{"input_tokens": 2000000, "output_tokens": 0}', false);
select is(tests.standing('acme'), '3 used, 3 held, 4 left', 'the second');
select tally.fold(tests.id_of('acme'));
select is(tests.standing('acme'), '3 used, 3 held, 4 left', 'folding changes nothing');
select public.settle_usage(:'hold', '{"input_tokens": 500000, "output_tokens": 0}');
select is(tests.standing('acme'), '3.5 used, 0 held, 6.5 left', 'the last one gives back the rest');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
