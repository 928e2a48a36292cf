-- Where recording asks the limit too, what passes it is never recorded and the limit never trips.
begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 1);
select public.settle_usage(tests.hold('acme'), '{"input_tokens": 5000000, "output_tokens": 0}');

select is(tests.standing('acme'), '5 used, 0 held, 0 left', 'https://github.com/dust-tt/dust/pull/28773');
select is(tests.reserve('acme', '{"estimated_cost": 0.01}') -> 'allowed', 'false', 'the next call is refused');

select * from finish();
rollback;
