begin;
select plan(1);

select tests.create_organization('acme');

select is(
  (select count(distinct public.create_api_key(tests.id_of('acme'), 'key') ->> 'key')
   from generate_series(1, 200)),
  200::bigint, 'two hundred keys differ');

select * from finish();
rollback;
