begin;
select plan(3);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select public.set_quota(tests.id_of('acme'), 'daily', 5);
select public.set_quota(tests.id_of('acme'), 'hourly', 2, 'requests');

select tests.hold('acme', '{"estimated_cost": 4}');
select is(tests.reserve('acme', '{"estimated_cost": 2}') #>> '{blocked_by,quota_type}',
  'daily', 'the tighter one refuses');
select tests.hold('acme', '{"estimated_cost": 1}');
select is(tests.reserve('acme', '{"estimated_cost": 0}') #>> '{blocked_by,metric}', 'requests', 'or another metric');
select is(tests.standing('acme'), '0 used, 5 held, 0 left; 0 used, 5 held, 5 left; 0 used, 2 held, 0 left',
  'all of them hold');

select * from finish();
rollback;
