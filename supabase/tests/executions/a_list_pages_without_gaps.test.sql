begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada');
-- Many at one moment: paging by time alone would lose some.
select public.log_execution(jsonb_build_object('organization_id', tests.id_of('acme'), 'package_name', 'resolver',
  'created_at', now() - n / 7 * interval '1 hour')) from generate_series(1, 30) as n;

select tests.act_as('ada');
create temporary table pages on commit drop as
with recursive page as (
  select array(select x from public.execution_summary as x order by x.created_at desc, x.id desc limit 4) as rows
  union all
  select array(
    select x from public.execution_summary as x
    where x.created_at <= p.rows[4].created_at
      and (x.created_at < p.rows[4].created_at or x.id < p.rows[4].id)
    order by x.created_at desc, x.id desc limit 4)
  from page as p where cardinality(p.rows) = 4
)
select r.id from page as p, unnest(p.rows) as r;

select is((select count(*) from pages), 30::bigint, 'every execution is on a page');
select is((select count(distinct id) from pages), 30::bigint, 'and on one only');

select * from finish();
rollback;
