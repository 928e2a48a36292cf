-- What the official advisors do not look at: a function with its owner's rights in a schema that is
-- served by the API, callable by anybody.
begin;
select plan(3);

select is_empty(
  $$
    select p.oid::regprocedure
    from pg_proc as p
    where p.pronamespace = 'public'::regnamespace
      and p.prosecdef
      and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
  $$,
  'no function of the exposed schema runs with the rights of its owner');

select is_empty(
  $$
    select p.oid::regprocedure
    from pg_proc as p
    where p.pronamespace = 'tally'::regnamespace
      and p.prosecdef
      and has_function_privilege('anon', p.oid, 'execute')
  $$,
  'nobody may call a private one without signing in');

select is_empty(
  $$
    select p.oid::regprocedure
    from pg_proc as p
    cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
    where p.pronamespace in ('public'::regnamespace, 'tally'::regnamespace)
      and a.grantee = 0
      and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
  $$,
  'no function is executable by everybody: each grant names a role');

select * from finish();
rollback;
