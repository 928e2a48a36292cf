begin;
select plan(3);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 1) as quota \gset
select is(tests.reserve('acme', '{"estimated_cost": 5}') -> 'allowed', 'false', 'before');

select public.remove_quota(:'quota');

select is(tests.reserve('acme', '{"estimated_cost": 5}') -> 'allowed', 'true', 'after');
select is(tests.codes_of(format('select public.remove_quota(%L)', :'quota')), array['PT404'], 'it is gone');

select * from finish();
rollback;
