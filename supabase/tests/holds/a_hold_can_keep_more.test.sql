begin;
select plan(3);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme', '{"estimated_cost": 4}') as hold \gset

select is(public.extend_hold(:'hold', 0, '{"estimated_cost": 6}') -> 'allowed', 'true', 'up to the limit');
select is(tests.standing('acme'), '0 used, 10 held, 0 left', 'both amounts are kept');
select public.release_hold(:'hold');
select is(tests.standing('acme'), '0 used, 0 held, 10 left', 'and given back together');

select * from finish();
rollback;
