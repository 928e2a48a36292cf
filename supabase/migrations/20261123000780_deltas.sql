-- Deltas: what was recorded and not yet folded into quotas and rollups. A writer appends one row
-- that names its events, whatever their number; readers add what it names, so nothing waits for a
-- fold.

create table tally.usage_deltas (
  organization_id uuid not null,
  seq bigint generated always as identity,
  due_at timestamptz not null,
  event_ids uuid[],
  event_times timestamptz[],
  adjustment_ids uuid[],
  released_quotas uuid[],
  released jsonb,
  is_beyond_hold boolean not null,
  -- Those that matter to an admission stand together, so that it finds none without reading others.
  primary key (organization_id, is_beyond_hold, seq)
);
comment on table tally.usage_deltas is
  'Events, adjustments and ends of holds that are not folded yet: appended by writers, consumed by tally.fold.';
comment on column tally.usage_deltas.due_at is
  'Its latest event: one that is ahead of the clock is folded when its own moment has come.';
comment on column tally.usage_deltas.event_times is
  'created_at of each event, which finds its partition.';
comment on column tally.usage_deltas.released is
  'Metric to amount that a hold gives back to released_quotas.';
comment on column tally.usage_deltas.is_beyond_hold is
  'Whether it may use more of some quota than its hold kept: only such deltas matter to an admission that has room.';
alter table tally.usage_deltas enable row level security;
revoke all on tally.usage_deltas from anon, authenticated, service_role;
grant select on tally.usage_deltas to authenticated, service_role;
create policy "members read the deltas of their organizations" on tally.usage_deltas
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create view tally.pending_events with (security_invoker = true) as
select
  d.organization_id,
  d.seq,
  d.is_beyond_hold,
  u.created_at,
  u.user_id,
  u.api_key_id,
  u.execution_id,
  u.provider,
  u.model,
  u.price_id,
  u.tool_name,
  u.operation,
  u.resource_type,
  u.service_tier,
  u.status,
  u.unit_type,
  u.is_byok,
  u.duration_ms,
  u.classes,
  1 as requests,
  u.input_tokens,
  u.output_tokens,
  u.units,
  coalesce(u.cost_usd, 0) as cost_usd,
  case when u.cost_usd is null then 1 else 0 end as unpriced
from tally.usage_deltas as d
cross join lateral unnest(d.event_ids, d.event_times) as e (id, created_at)
-- Each by its whole key (offset 0: whatever the planner thinks of the size of the table).
cross join lateral (
  select t.* from public.token_usage as t
  where t.organization_id = d.organization_id and t.created_at = e.created_at and t.id = e.id
  offset 0
) as u
union all
select
  d.organization_id, d.seq, d.is_beyond_hold, a.event_created_at, a.user_id, a.api_key_id,
  u.execution_id, a.provider, a.model, a.new_price_id, a.tool_name, u.operation, a.resource_type,
  u.service_tier, u.status, u.unit_type, u.is_byok, null::integer, '{}'::jsonb, 0, 0::bigint,
  0::bigint, null::numeric, a.delta_usd,
  case when a.old_cost_usd is null then -1 else 0 end
from tally.usage_deltas as d
cross join lateral unnest(d.adjustment_ids) as e (id)
cross join lateral (
  select c.* from public.cost_adjustments as c where c.organization_id = d.organization_id
    and c.id = e.id offset 0
) as a
cross join lateral (
  select t.* from public.token_usage as t
  where t.organization_id = a.organization_id and t.created_at = a.event_created_at
    and t.id = a.event_id
  offset 0
) as u;
comment on view tally.pending_events is
  'What unfolded deltas name: events as they are, and adjustments as a cost without use.';
revoke all on tally.pending_events from anon, authenticated, service_role;
grant select on tally.pending_events to authenticated, service_role;
