begin;
select plan(1);

select is_empty(
  $$
    select c.oid::regclass, r.role
    from pg_class as c
    cross join unnest(array['anon', 'authenticated', 'service_role']) as r (role)
    where c.relnamespace = 'tally'::regnamespace
      and c.relkind in ('r', 'p', 'v')
      and has_table_privilege(r.role, c.oid, case r.role when 'anon' then 'select, ' else '' end || 'insert, update, delete, truncate')
  $$,
  'the private schema is written through its functions only, and nobody reads it without signing in');

select * from finish();
rollback;
