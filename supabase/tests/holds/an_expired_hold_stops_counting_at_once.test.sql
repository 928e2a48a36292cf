begin;
select plan(3);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.outlive(tests.hold('acme', '{"estimated_cost": 10}'));

select is(tests.standing('acme'), '0 used, 0 held, 10 left', 'in the status');
select is((select allowed from public.check_quota(tests.id_of('acme'), 'lab', 'echo', 10)), true, 'in a check');
select is(tests.reserve('acme', '{"estimated_cost": 10}') -> 'allowed', 'true', 'in an admission, with no sweep');

select * from finish();
rollback;
