begin;
select plan(4);

create function pg_temp.rights(role text, relation regclass) returns text language sql as $$
  select coalesce(
    string_agg(lower(p), ' ' order by p) filter (where has_table_privilege(role, relation, p)),
    (select 'select some columns' where has_any_column_privilege(role, relation, 'SELECT')),
    ''
  )
  from unnest(array['DELETE', 'INSERT', 'SELECT', 'TRUNCATE', 'UPDATE']) as p
$$;

select set_eq(
  $$
    select
      c.relname::text,
      pg_temp.rights('anon', c.oid) as anon,
      pg_temp.rights('authenticated', c.oid) as authenticated,
      pg_temp.rights('service_role', c.oid) as service_role
    from pg_class as c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
  $$,
  $$
    values
      -- name, anon, authenticated, service_role
      ('alert_channels', '', 'select', 'select'),
      ('api_keys', '', 'select some columns', 'select'),
      ('billing_customers', '', 'select', 'select'),
      ('billing_entitlements', '', 'select', 'select'),
      ('billing_markups', '', 'select', 'select'),
      ('billing_meters', '', 'select', 'select'),
      ('billing_plans', '', '', 'delete insert select update'),
      ('billing_reconciliations', '', 'select', 'select'),
      ('billing_reports', '', 'select', 'select'),
      ('billing_summaries', '', 'select', 'select'),
      ('cost_adjustments', '', 'select', 'select'),
      ('cost_estimates', '', 'select', 'select'),
      ('credit_grants', '', 'select', 'select'),
      ('credit_top_ups', '', 'select', 'delete insert select update'),
      ('dead_alerts', '', 'select', 'select'),
      ('gateway_policies', '', 'select', 'select'),
      ('execution_summary', '', 'select', 'select'),
      ('executions', '', 'select', 'select'),
      ('organization_members', '', 'select', 'delete insert select update'),
      ('organizations', '', 'select', 'delete insert select update'),
      ('plan_quotas', '', 'select', 'delete insert select update'),
      ('plans', '', 'select', 'delete insert select update'),
      ('price_markups', '', 'select', 'select'),
      ('token_usage', '', 'select', 'select'),
      ('unpriced_usage', '', 'select', 'select'),
      ('usage_alerts', '', 'select', 'select'),
      ('usage_holds', '', 'select', 'select'),
      ('usage_quotas', '', 'select', 'delete insert select'),
      ('usage_summary', '', 'select', 'select')
  $$,
  'public: rights of anon, authenticated and service_role on each table and view');

select is_empty(
  $$
    select a.attname
    from pg_attribute as a
    where a.attrelid = 'public.api_keys'::regclass
      and a.attnum > 0
      and has_column_privilege('authenticated', a.attrelid, a.attnum, 'select') = (a.attname = 'key_hash')
  $$,
  'members read every column of an API key but its hash');

select set_eq(
  $$
    select c.relname::text, string_agg(r || ' ' || pg_temp.rights(r, c.oid), ', ' order by r)
    from pg_class as c
    cross join unnest(array['anon', 'authenticated', 'service_role']) as r
    where c.relnamespace = 'tally'::regnamespace
      and c.relkind in ('r', 'p', 'v')
      and pg_temp.rights(r, c.oid) <> ''
    group by 1
  $$,
  $$
    values
      ('execution_totals', 'authenticated select, service_role select'),
      ('pending_buckets', 'authenticated select, service_role select'),
      ('pending_events', 'authenticated select, service_role select'),
      ('pending_executions', 'authenticated select, service_role select'),
      ('usage_deltas', 'authenticated select, service_role select'),
      ('usage_dimensions', 'authenticated select, service_role select'),
      ('usage_rollups', 'authenticated select, service_role select')
  $$,
  'tally: API roles read what usage_summary and execution_summary read, behind row level security, and nothing else');

select is_empty(
  $$
    select c.oid::regclass, r
    from pg_class as c
    cross join unnest(array['anon', 'authenticated']) as r
    where c.relnamespace in ('public'::regnamespace, 'tally'::regnamespace)
      and c.relkind = 'S'
      and has_sequence_privilege(r, c.oid, 'select, usage, update')
  $$,
  'sequences are nobody''s but the server''s');

select * from finish();
rollback;
