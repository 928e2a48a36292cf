begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
insert into tally.model_aliases (provider, alias, to_provider, to_model, source)
values ('lab', 'echo-2026-05-01', 'lab', 'echo', 'book');
select public.set_quota(tests.id_of('acme'), 'total', 3, 'requests', '{"model": "echo"}');

select tests.track('acme', '{"model": "echo-2026-05-01"}');
select is(tests.standing('acme'), '1 used, 0 held, 2 left', 'an event of a dated id');
select tests.hold('acme', '{"model": "echo-2026-05-01", "estimated_cost": 0}') as hold \gset
select is(tests.standing('acme'), '1 used, 1 held, 1 left', 'and a hold for one');
select public.settle_usage(:'hold', '{"input_tokens": 1}');
select tally.fold(tests.id_of('acme'));
select is(tests.standing('acme'), '2 used, 0 held, 1 left', 'settled and folded');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
