-- Differences that a later price made to the cost of events: audited, never an update.

create table public.cost_adjustments (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  event_id uuid not null,
  event_created_at timestamptz not null,
  user_id uuid,
  api_key_id uuid,
  provider text not null,
  model text not null,
  priced_model text,
  tool_name text,
  resource_type text not null,
  old_cost_usd numeric,
  new_cost_usd numeric not null,
  delta_usd numeric not null,
  old_price_id bigint,
  new_price_id bigint,
  reason text not null,
  created_at timestamptz not null default now(),
  primary key (organization_id, id),
  constraint delta_is_the_difference check (delta_usd = new_cost_usd - coalesce(old_cost_usd, 0)),
  constraint reason_is_given check (btrim(reason) <> '')
);
comment on table public.cost_adjustments is
  'Audited re-rating: what an event costs more or less than was recorded, with the old and the new price and the reason. Reports and quotas add them to the event''s own day.';
create index cost_adjustments_by_event on public.cost_adjustments (organization_id, event_id);
create index cost_adjustments_by_time on public.cost_adjustments (organization_id,
  event_created_at);

alter table public.cost_adjustments enable row level security;
revoke all on public.cost_adjustments from anon, authenticated, service_role;
grant select on public.cost_adjustments to authenticated, service_role;
create policy "members read the adjustments of their organizations" on public.cost_adjustments
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));
