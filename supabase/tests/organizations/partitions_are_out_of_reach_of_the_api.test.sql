begin;
select plan(2);

select isnt_empty($$ select from pg_inherits where inhparent = 'public.token_usage'::regclass $$,
  'there are partitions');

select is_empty(
  $$
    select i.inhrelid::regclass, r.role, p.privilege
    from pg_inherits as i
    cross join unnest(array['anon', 'authenticated', 'service_role']) as r (role)
    cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate']) as p (privilege)
    where i.inhparent = 'public.token_usage'::regclass
      and has_table_privilege(r.role, i.inhrelid, p.privilege)
  $$,
  'nobody reads past the policies of token_usage through one of its parts');

select * from finish();
rollback;
