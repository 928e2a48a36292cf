begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 100);
select public.set_quota(tests.id_of('acme'), 'daily', 1, scope => '{"model": "echo"}');

select is(tests.reserve('acme', '{"estimated_cost": 2}') #>> '{blocked_by,quota_type}', 'daily',
  'https://github.com/BerriAI/litellm/issues/34732: a call that one of its quotas refuses');
select is(tests.standing('acme'), '0 used, 0 held, 1 left; 0 used, 0 held, 100 left', 'takes nothing from the others');

select * from finish();
rollback;
