begin;
select plan(2);

-- Statistics say that an organization has one model; acme has forty.
select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'admin');
insert into tally.usage_dimensions (organization_id, key, provider, model, resource_type, service_tier, status, is_byok)
select case when n <= 40 then tests.id_of('acme') else tests.id_of('other ' || n) end, tests.id_of('model ' || n),
  'lab', 'echo-' || n, 'token', 'standard', 'success', false
from generate_series(1, 1000) as n;
insert into tally.usage_rollups
select d.organization_id, 0, 1440, date_bin('1 day', now(), 'epoch') - day * interval '1 day', d.id, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0
from tally.usage_dimensions as d
cross join generate_series(1, 30) as day;
analyze tally.usage_dimensions;
analyze tally.usage_rollups;

create function pg_temp.scans() returns bigint language sql as $$
  select sum(idx_scan)::bigint from pg_stat_xact_all_tables
  where schemaname = 'tally' and relname like 'usage\_rollups\_of\_%'
$$;
-- What a connection comes to after some calls: one plan for every organization.
set local plan_cache_mode = force_generic_plan;
select pg_temp.scans() as before \gset

select tests.act_as('ada');
select is(count(*), 40::bigint, 'a breakdown names all models')
from public.usage_breakdown(tests.id_of('acme'), date_bin('1 day', now(), 'epoch') - interval '30 days', now()) as b;
select tests.act_as_owner();
select cmp_ok(pg_temp.scans() - :before, '<=', 60::bigint, 'and looks once into each of the thirty days');

select * from finish();
rollback;
