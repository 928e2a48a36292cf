begin;
select plan(3);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 0.3);

select is(tests.reserve('acme', '{"estimated_cost": 0.1}') -> 'allowed', 'true', 'a tenth');
select is(tests.reserve('acme', '{"estimated_cost": 0.2}') -> 'allowed', 'true', 'and two make three');
select is(tests.reserve('acme', '{"estimated_cost": 0.000000000001}') -> 'allowed', 'false', 'not a bit more');

select * from finish();
rollback;
