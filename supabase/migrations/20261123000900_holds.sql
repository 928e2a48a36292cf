-- Holds: a lease on part of the headroom, taken before a call and ended by its event, a release or
-- time.

create table public.usage_holds (
  id uuid not null,
  organization_id uuid not null,
  user_id uuid,
  api_key_id uuid,
  provider text not null,
  model text not null,
  tool_name text,
  resource_type text not null default 'token',
  attribution jsonb,
  amounts jsonb not null,
  quota_ids uuid[] not null default '{}',
  state text not null default 'open',
  event_id uuid,
  idempotency_key text,
  request_hash uuid,
  top_ups jsonb,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at timestamptz,
  primary key (id, organization_id)
) with (fillfactor = 70);
comment on table public.usage_holds is
  'Leases on headroom. An open hold counts against its quotas until it is settled, released or past expires_at.';
comment on column public.usage_holds.state is
  'open, settled (it has an event_id), released or expired.';
comment on column public.usage_holds.amounts is
  'Metric to amount still held; draws of an agent run lower it.';
comment on column public.usage_holds.top_ups is
  'Idempotency key to a hash of the request, of each top-up that had a key.';
comment on column public.usage_holds.attribution is
  'Further attribution of the request (session, workflow …), for the event of a hold that nobody settles.';
create unique index usage_holds_by_idempotency_key
  on public.usage_holds (organization_id, idempotency_key)
  where idempotency_key is not null;
create index usage_holds_by_expiry on public.usage_holds (expires_at) where state = 'open';
create index usage_holds_unsettled on public.usage_holds (organization_id) where state = 'expired'
  and event_id is null;

alter table public.usage_holds enable row level security;
revoke all on public.usage_holds from anon, authenticated, service_role;
grant select on public.usage_holds to authenticated, service_role;
create policy "members read the holds of their organizations" on public.usage_holds
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create view tally.open_holds with (security_invoker = true) as
select q.organization_id, q.id as quota_id, h.id as hold_id, h.expires_at,
  (h.amounts ->> q.metric)::numeric as amount
from public.usage_holds as h
join public.usage_quotas as q on q.organization_id = h.organization_id and q.id = any (h.quota_ids)
where h.state = 'open' and h.amounts ? q.metric;
comment on view tally.open_holds is
  'Open holds by quota; those whose expires_at has passed no longer count, whether or not a fold has ended them.';
