begin;
select plan(2);

select tests.create_organization('acme');

select is(tests.reserve('acme') -> 'allowed', 'true', 'nothing limits it');
select is((select quota_ids from public.usage_holds), '{}'::uuid[], 'it touches no quota');

select * from finish();
rollback;
