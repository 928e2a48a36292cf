begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
select public.set_quota(tests.id_of('acme'), 'monthly', 10) as quota \gset
select tests.track('acme', '{"input_tokens": 3000000, "output_tokens": 0}');
select tests.hold('acme', '{"estimated_cost": 4}');

select is(public.set_quota(tests.id_of('acme'), 'monthly', 5), :'quota'::uuid, 'it is the same quota');
select is(tests.standing('acme'), '3 used, 4 held, 0 left', 'what is used and held stays');
select is(tests.reserve('acme', '{"estimated_cost": 0.01}') -> 'allowed', 'false', 'below its use, it refuses');

select * from finish();
rollback;
