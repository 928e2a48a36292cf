begin;
select plan(2);

select isnt_empty(
  $$ select from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v' $$,
  'there are tables and views');

select tests.act_as_anonymous();

select is_empty(
  $$
    select c.oid::regclass
    from pg_catalog.pg_class as c
    where c.relnamespace = 'public'::regnamespace
      and c.relkind in ('r', 'p', 'v')
      and tests.codes_of(format('select from public.%I', c.relname)) <> array['42501']
  $$,
  'every one refuses who is not signed in');

select * from finish();
rollback;
