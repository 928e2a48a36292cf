begin;
select plan(1);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select public.set_quota(tests.id_of('acme'), 'monthly', 1, 'requests');
select tests.hold('acme', '{"estimated_cost": 4}') as hold \gset

select is(public.extend_hold(:'hold', 0, '{"estimated_cost": 1}') -> 'allowed', 'true',
  'the one request is held already');

select * from finish();
rollback;
