begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 1, enforcement => 'soft');

select is(tests.reserve('acme', '{"estimated_cost": 5}') -> 'allowed', 'true', 'it does not refuse');
select is((select allowed from public.check_quota(tests.id_of('acme'), 'lab', 'echo', 5)), true, 'nor in a check');
select tests.track('acme', '{"input_tokens": 2000000}');
select is((select level from public.quota_status(tests.id_of('acme'))), 'exceeded', 'it tells');

select * from finish();
rollback;
