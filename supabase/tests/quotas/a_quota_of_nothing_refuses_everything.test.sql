begin;
select plan(3);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 0);

select is(tests.reserve('acme', '{"estimated_cost": 0.000001}') -> 'allowed', 'false', 'a hold');
select is((select allowed from public.check_quota(tests.id_of('acme'), 'lab', 'echo', 0.000001)), false, 'a check');
select is((select level from public.quota_status(tests.id_of('acme'))), 'exceeded', 'and says why');

select * from finish();
rollback;
