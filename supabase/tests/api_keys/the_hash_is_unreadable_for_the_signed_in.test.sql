begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'owner');
select public.create_api_key(tests.id_of('acme'), 'key');

select tests.act_as('ada');

select results_eq('select name from public.api_keys', array['key'], 'members see their keys');
select is(tests.codes_of('select key_hash from public.api_keys', 'select * from public.api_keys'),
  array['42501', '42501'], 'without the hash');

select * from finish();
rollback;
