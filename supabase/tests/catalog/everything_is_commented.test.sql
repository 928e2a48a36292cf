begin;
select plan(2);

select is_empty(
  $$
    select p.oid::regprocedure
    from pg_proc as p
    where p.pronamespace in ('public'::regnamespace, 'tally'::regnamespace)
      and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
      and coalesce(obj_description(p.oid, 'pg_proc'), '') = ''
  $$,
  'every function says what it does');

select is_empty(
  $$
    select c.oid::regclass
    from pg_class as c
    where c.relnamespace in ('public'::regnamespace, 'tally'::regnamespace)
      and c.relkind in ('r', 'p', 'v')
      and not c.relispartition
      and coalesce(obj_description(c.oid, 'pg_class'), '') = ''
  $$,
  'every table and view says what it holds');

select * from finish();
rollback;
