begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'admin');

select tests.act_as('ada');
select public.create_api_key(tests.id_of('acme'), 'key');

select results_eq('select created_by from public.api_keys', array[tests.id_of('ada')], 'its maker');

select * from finish();
rollback;
