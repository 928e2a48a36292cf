begin;
select plan(2);

select isnt_empty(
  $$ select from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace $$,
  'there are foreign keys to look at');

select is_empty(
  $$
    select c.conrelid::regclass, c.conname
    from pg_constraint as c
    where c.contype = 'f'
      and c.confrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
      and not exists (
        select from pg_index as i
        where i.indrelid = c.conrelid
          and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) ~ 'IS NOT NULL\)$')
          -- The index begins with the columns of the key, in whatever order.
          and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey
      )
  $$,
  'every foreign key has an index to find the rows of a deleted parent by');

select * from finish();
rollback;
