-- The settled call had held its upper bound where there was no quota: no admission may pass it over.
begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
select tests.hold('acme', '{"input_tokens": 9000000, "max_output_tokens": 0}') as hold \gset
select public.settle_usage(:'hold', '{"input_tokens": 9000000, "output_tokens": 0}');

select public.set_quota(tests.id_of('acme'), 'total', 10);

select is(tests.standing('acme'), '9 used, 0 held, 1 left', 'in the status');
select is(tests.reserve('acme', '{"estimated_cost": 5}') -> 'allowed', 'false', 'and in an admission');

select * from finish();
rollback;
