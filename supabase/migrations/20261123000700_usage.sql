-- The events: append-only, one partition a month, one index that dedupes, finds and prunes.

create table public.token_usage (
  organization_id uuid not null,
  id uuid not null,
  created_at timestamptz not null,
  recorded_at timestamptz not null default now(),
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  total_tokens bigint generated always as (input_tokens + output_tokens) stored,
  price_id bigint,
  user_id uuid,
  api_key_id uuid,
  execution_id uuid,
  duration_ms integer,
  is_estimated boolean not null default false,
  is_byok boolean not null default false,
  provider text not null,
  model text not null,
  tool_name text,
  operation text,
  resource_type text not null default 'token',
  service_tier text not null default 'standard',
  status text not null default 'success',
  session_id text,
  workflow_id text,
  idempotency_key text,
  unit_type text,
  units numeric,
  cost_usd numeric,
  classes jsonb not null,
  request_metadata jsonb,
  primary key (organization_id, created_at, id),
  constraint id_holds_the_time_of_the_event check (
    created_at = timestamptz 'epoch'
      + ('x' || encode(substring(uuid_send(id) for 6), 'hex'))::bit(48)::bigint
        * interval '1 millisecond'
  )
) partition by range (created_at);
-- No foreign keys and one check: Postgres reads each constraint again for every statement that
-- writes, and each costs a twentieth of an insert. tally.check_event holds the rest,
-- verify_ledger() looks after it.
comment on table public.token_usage is
  'The events: every recorded use, priced. Append-only; written by track_usage, track_usage_batch and settle_usage.';
comment on column public.token_usage.id is
  'A uuid of version 7; the time inside it is created_at, so the same id always means the same row.';
comment on column public.token_usage.created_at is 'When it happened, to the millisecond.';
comment on column public.token_usage.classes is
  'The disjoint quantities: every token and unit in exactly one class.';
comment on column public.token_usage.cost_usd is
  'Exact cost in USD; null: no price was known (see unpriced_usage).';
create index token_usage_unpriced on public.token_usage (organization_id, provider, model)
  where cost_usd is null;

alter table public.token_usage enable row level security;
revoke all on public.token_usage from anon, authenticated, service_role;
grant select on public.token_usage to authenticated, service_role;
create policy "members read the usage of their organizations" on public.token_usage
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create table tally.idempotency_keys (
  organization_id uuid not null,
  idempotency_key text not null,
  event_id uuid not null,
  primary key (organization_id, idempotency_key)
);
comment on table tally.idempotency_keys is
  'Which event a caller''s own key names, for ever. Claimed in the transaction that writes the event; two organizations may use one key.';
alter table tally.idempotency_keys enable row level security;

create function tally.has_month(at timestamptz)
returns boolean
language plpgsql stable security invoker set search_path = ''
as $$
begin
  return exists (
    select from pg_catalog.pg_inherits as i
    where i.inhparent = 'public.token_usage'::regclass and i.inhrelid = to_regclass(
      'tally.token_usage_' || to_char(has_month.at at time zone 'UTC', 'YYYY_MM')));
end;
$$;
comment on function tally.has_month(timestamptz) is
  'Whether the month (UTC) of a moment has a partition. One that is detached is none.';
revoke execute on function tally.has_month(timestamptz) from public, anon, authenticated;

create function tally.ensure_partitions(starts_at timestamptz, ends_at timestamptz)
returns integer
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_month timestamp;
  v_name text;
  v_made integer := 0;
begin
  for v_month in
    select generate_series(
      date_trunc('month', ensure_partitions.starts_at at time zone 'UTC'),
      ensure_partitions.ends_at at time zone 'UTC',
      interval '1 month'
    )
  loop
    v_name := 'token_usage_' || to_char(v_month, 'YYYY_MM');
    continue when to_regclass('tally.' || v_name) is not null;
    perform pg_advisory_xact_lock(hashtextextended('partition ' || v_name, 0));
    continue when to_regclass('tally.' || v_name) is not null
      or tally.is_archived(v_month at time zone 'UTC');
    -- Made apart and attached: unlike `create table … partition of`, this lets writers go on.
    execute format('create table tally.%I (like public.token_usage including all)', v_name);
    execute format('alter table tally.%I enable row level security', v_name);
    execute format(
      'alter table public.token_usage attach partition tally.%I for values from (%L) to (%L)',
      v_name, v_month at time zone 'UTC', (v_month + interval '1 month') at time zone 'UTC'
    );
    v_made := v_made + 1;
  end loop;
  return v_made;
end;
$$;
comment on function tally.ensure_partitions(timestamptz, timestamptz) is
  'Makes the monthly partitions (UTC) that hold a span of time, but no month that was archived, and returns how many were new. They live in the private schema: no API role can reach past the policies of token_usage.';
revoke execute on function tally.ensure_partitions(timestamptz, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.ensure_partitions(timestamptz, timestamptz) to service_role;

create function public.usage_event(id uuid)
returns setof public.token_usage
language sql stable security invoker set search_path = ''
as $$
  select u.*
  from public.token_usage as u
  where u.organization_id = any (array(
      select tally.organizations_of((select auth.uid()))
      union all
      select o.id from public.organizations as o where tally.is_operator()
    ))
    and u.created_at = tally.uuid_time(usage_event.id)
    and u.id = usage_event.id
$$;
comment on function public.usage_event(uuid) is
  'One event by its id, found by the time inside the id: no row when it is not yours or does not exist.';
revoke execute on function public.usage_event(uuid) from public, anon, authenticated;
grant execute on function public.usage_event(uuid) to authenticated, service_role;
