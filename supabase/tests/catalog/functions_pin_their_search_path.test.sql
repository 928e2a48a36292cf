begin;
select plan(2);

create temporary view our_functions as
select p.*
from pg_proc as p
where p.pronamespace in ('public'::regnamespace, 'tally'::regnamespace)
  and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e');

select isnt_empty('select from our_functions', 'there are functions to look at');

select is_empty(
  $$
    select oid::regprocedure
    from our_functions
    where not coalesce('search_path=""' = any (proconfig), false)
  $$,
  'every function of public and tally has an empty search_path of its own');

select * from finish();
rollback;
