begin;
select plan(2);

select is_empty(
  $$
    select p.oid::regprocedure
    from pg_proc as p
    where p.pronamespace in ('public'::regnamespace, 'tally'::regnamespace)
      and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
      and p.proname <> 'tallybase_version'
      and has_function_privilege('anon', p.oid, 'execute')
  $$,
  'nothing is called without signing in');

select tests.act_as_anonymous();
select matches(public.tallybase_version(), '^[0-9]+[.][0-9]+[.][0-9]+', 'but the version is told');

select * from finish();
rollback;
