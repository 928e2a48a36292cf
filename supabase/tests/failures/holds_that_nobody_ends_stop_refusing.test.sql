-- Holds that were never released refused every call while the real spend was near zero.
begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.outlive(tests.hold('acme')) from generate_series(1, 10);

select is(tests.standing('acme'), '0 used, 0 held, 10 left', 'https://github.com/BerriAI/litellm/issues/27639');
select is(tests.reserve('acme', '{"estimated_cost": 10}') -> 'allowed', 'true', 'https://github.com/BerriAI/litellm/pull/36592: without any sweep');

select * from finish();
rollback;
