begin;
select plan(2);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10) as quota \gset
select tests.hold('acme', '{"estimated_cost": 7}') as other \gset
select is(tests.reserve('acme', '{"estimated_cost": 7, "idempotency_key": "k"}') -> 'allowed', 'false', 'refused');

select public.release_hold(:'other');

select is(tests.reserve('acme', '{"estimated_cost": 7, "idempotency_key": "k"}') -> 'allowed', 'true',
  'there is room now');

select * from finish();
rollback;
