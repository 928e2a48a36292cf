begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_member('globex', 'gus', 'owner');
select tests.create_member('acme', 'ada');
create temporary table reports (name text);
insert into reports select unnest(array['usage_totals', 'usage_breakdown', 'usage_timeseries', 'usage_statistics', 'usage_trends',
  'usage_peaks', 'usage_forecast', 'usage_anomalies', 'top_users', 'top_packages', 'execution_statistics', 'execution_timeseries']);
grant select on reports to authenticated;
create function pg_temp.code(name text) returns text language sql as $$
  select coalesce(tests.error_of(format('select * from public.%s(%L, now() - interval ''1 day'', now())', name,
    tests.id_of('acme'))) ->> 'code', 'ok')
$$;

select tests.act_as('gus');
select set_eq('select pg_temp.code(name) from reports', array['PT403'], 'every report of a foreign organization');
select tests.act_as('ada');
select set_eq('select name || '' '' || pg_temp.code(name) from reports where pg_temp.code(name) <> ''ok''',
  array['top_users PT403'], 'members read all of their own but who used most');

select * from finish();
rollback;
