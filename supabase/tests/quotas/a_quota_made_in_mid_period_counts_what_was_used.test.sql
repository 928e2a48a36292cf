begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.track('acme', '{"input_tokens": 1000000, "output_tokens": 0}');
select tally.fold(tests.id_of('acme'));
select tests.track('acme', '{"input_tokens": 2000000, "output_tokens": 0}');

select public.set_quota(tests.id_of('acme'), 'yearly', 10);

select is(tests.standing('acme'), '3 used, 0 held, 7 left', 'folded and not');
select is(tests.reserve('acme', '{"estimated_cost": 8}') -> 'allowed', 'false', 'and holds it against calls');
select tally.fold(tests.id_of('acme'));
select is(tests.standing('acme'), '3 used, 0 held, 7 left', 'once');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
