begin;
select plan(1);

select is_empty(
  $$
    select c.oid::regclass, r.role, p.privilege
    from pg_class as c
    cross join unnest(array['anon', 'authenticated']) as r (role)
    cross join unnest(array['insert', 'update', 'delete', 'truncate']) as p (privilege)
    where c.relnamespace = 'public'::regnamespace
      and c.relkind in ('r', 'p', 'v')
      and not exists (select from pg_depend as d where d.objid = c.oid and d.deptype = 'e')
      and has_table_privilege(r.role, c.oid, p.privilege)
  $$,
  'whatever changes goes through a function');

select * from finish();
rollback;
