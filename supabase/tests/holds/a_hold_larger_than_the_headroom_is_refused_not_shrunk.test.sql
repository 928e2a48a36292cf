begin;
select plan(2);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);

select is(tests.reserve('acme', '{"estimated_cost": 11}') -> 'allowed', 'false', 'refused');
select is(tests.standing('acme'), '0 used, 0 held, 10 left', 'nothing of it is kept');

select * from finish();
rollback;
