begin;
select plan(2);

select isnt_empty(
  $$ select from pg_constraint where contype = 'c' and connamespace = 'public'::regnamespace $$,
  'there are constraints to look at');

select is_empty(
  $$
    select c.conrelid::regclass, c.conname
    from pg_constraint as c
    where c.contype in ('c', 'x', 'u')
      and c.connamespace in ('public'::regnamespace, 'tally'::regnamespace)
      and (c.conname !~ '^[a-z0-9]+(_[a-z0-9]+){2,}$' or c.conname ~ '_(check|key|excl)[0-9]*$')
  $$,
  'the name of a constraint says what it holds true');

select * from finish();
rollback;
