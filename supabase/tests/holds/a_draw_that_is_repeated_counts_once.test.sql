begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme', '{"estimated_cost": 6}') as hold \gset
select jsonb_build_object('id', tally.uuid_v7(now()), 'input_tokens', 1000000, 'output_tokens', 0) as event \gset
select public.settle_usage(:'hold', :'event', false);

select is(public.settle_usage(:'hold', :'event', false) ->> 'status', 'duplicate', 'by its id');
select is(tests.standing('acme'), '1 used, 5 held, 4 left', 'drawn once');

select * from finish();
rollback;
