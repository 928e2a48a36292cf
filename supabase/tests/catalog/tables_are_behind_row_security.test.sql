begin;
select plan(5);

select isnt_empty(
  $$ select from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') $$,
  'there are tables to look at');

select is_empty(
  $$
    select oid::regclass
    from pg_class
    where relnamespace in ('public'::regnamespace, 'tally'::regnamespace)
      and relkind in ('r', 'p')
      and not relrowsecurity
  $$,
  'row level security is on for every table, partitions and private ones included');

select is_empty(
  $$
    select oid::regclass
    from pg_class
    where relnamespace = 'public'::regnamespace
      and relkind = 'v'
      and not coalesce('security_invoker=true' = any (reloptions), false)
  $$,
  'every view reads with the rights of its reader');

select is_empty(
  $$
    select oid::regclass
    from pg_class
    where relnamespace in ('public'::regnamespace, 'tally'::regnamespace) and relkind = 'm'
  $$,
  'there is no materialized view: row level security does not reach into one');

select is_empty(
  $$
    select tablename, policyname
    from pg_policies
    where schemaname in ('public', 'tally')
      and (policyname not like '% % %' or cmd = 'ALL' or roles <> '{authenticated}')
  $$,
  'every policy is named by a sentence, for one command, for signed-in users');

select * from finish();
rollback;
