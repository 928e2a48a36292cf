-- Rollups: the events counted in 15-minute buckets (UTC), so that days form in any timezone, and in
-- whole days and weeks (UTC) for what is long. tally.fold feeds them; readers add what is pending,
-- so they are exact.

create table tally.usage_dimensions (
  organization_id uuid not null,
  id bigint generated always as identity,
  key uuid not null,
  provider text not null,
  model text not null,
  tool_name text,
  operation text,
  resource_type text not null,
  service_tier text not null,
  status text not null,
  unit_type text,
  is_byok boolean not null,
  primary key (organization_id, id),
  constraint key_names_one_dimension unique (organization_id, key)
);
comment on table tally.usage_dimensions is
  'The combinations of attributes that an organization''s events have: what rollups are kept by.';
comment on column tally.usage_dimensions.key is 'A hash of the attributes, by tally.dimension_key.';

create table tally.usage_actors (
  organization_id uuid not null,
  id bigint generated always as identity,
  key uuid not null,
  user_id uuid,
  api_key_id uuid,
  primary key (organization_id, id),
  constraint key_names_one_actor unique (organization_id, key)
);
comment on table tally.usage_actors is
  'Who an organization''s events are by: each pair of user and API key, both may be null.';
comment on column tally.usage_actors.key is 'A hash of the pair, by tally.actor_key.';

create table tally.usage_rollups (
  organization_id uuid not null,
  actor_id bigint not null,
  minutes integer not null,
  bucket_start timestamptz not null,
  dimension_id bigint not null,
  request_count bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cache_read_tokens bigint not null,
  cache_write_tokens bigint not null,
  reasoning_tokens bigint not null,
  units numeric not null,
  cost_usd numeric not null,
  unpriced_count bigint not null,
  duration_count bigint not null,
  duration_ms bigint not null,
  constraint rollup_has_one_row_per_bucket primary key (organization_id, actor_id, minutes,
    bucket_start, dimension_id)
) partition by list (minutes);
-- Apart by length, so that the few rows of days stand together: a month of 2,000 users is on a
-- fifth of the pages. Never read by parallel workers: to start them takes longer than any report
-- reads.
create table tally.usage_rollups_of_quarters partition of tally.usage_rollups for values in (15)
  with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, parallel_workers = 0);
create table tally.usage_rollups_of_hours partition of tally.usage_rollups for values in (60)
  with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, parallel_workers = 0);
create table tally.usage_rollups_of_days partition of tally.usage_rollups for values in (1440)
  with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, parallel_workers = 0);
create table tally.usage_rollups_of_weeks partition of tally.usage_rollups for values in (10080)
  with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, parallel_workers = 0);
comment on table tally.usage_rollups is
  'Sums of events and adjustments by bucket. actor_id 0: everybody. minutes: 15, 60, 1440 or 10080, the length of the bucket. dimension_id 0: all dimensions together. Of an actor and all dimensions together there is no 15, of an actor by dimension no 60. 10080, seven days from a Thursday on, is of actors and all dimensions together only.';
comment on column tally.usage_rollups.cache_write_tokens is 'Of the 5-minute and the 1-hour class.';
comment on column tally.usage_rollups.duration_ms is
  'Sum of the durations of duration_count events.';
create index usage_rollups_by_time on tally.usage_rollups (organization_id, minutes, bucket_start)
  where actor_id <> 0 and dimension_id = 0;

create table tally.duration_rollups (
  organization_id uuid not null,
  minutes integer not null,
  bucket_start timestamptz not null,
  dimension_id bigint not null,
  slot integer not null,
  request_count bigint not null,
  constraint slot_has_one_row_per_bucket primary key (organization_id, minutes, bucket_start,
    dimension_id, slot)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
comment on table tally.duration_rollups is
  'Durations of events in logarithmic slots: a percentile read from it is within 5 % of the exact one. minutes: 15 and 1440 by dimension, 60 and 1440 together (dimension_id 0).';

create table tally.changed_hours (
  organization_id uuid not null,
  hour timestamptz not null,
  primary key (organization_id, hour)
);
comment on table tally.changed_hours is
  'Hours (UTC) whose sums a fold has changed since billing took them over; kept for organizations that are billed.';

alter table tally.usage_dimensions enable row level security;
alter table tally.usage_actors enable row level security;
alter table tally.usage_rollups enable row level security;
alter table tally.usage_rollups_of_quarters enable row level security;
alter table tally.usage_rollups_of_hours enable row level security;
alter table tally.usage_rollups_of_days enable row level security;
alter table tally.usage_rollups_of_weeks enable row level security;
alter table tally.duration_rollups enable row level security;
alter table tally.changed_hours enable row level security;
revoke all on tally.usage_dimensions, tally.usage_actors, tally.usage_rollups,
  tally.usage_rollups_of_quarters, tally.usage_rollups_of_hours, tally.usage_rollups_of_days,
  tally.usage_rollups_of_weeks, tally.duration_rollups, tally.changed_hours
  from anon, authenticated, service_role;
-- Read through the invoker view usage_summary; the schema itself is not exposed.
grant select on tally.usage_dimensions, tally.usage_rollups to authenticated, service_role;
create policy "members read the dimensions of their organizations" on tally.usage_dimensions
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));
create policy "members read the rollups of their organizations" on tally.usage_rollups
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create function tally.is_archived(at timestamptz)
returns boolean
language plpgsql stable security definer set search_path = '' set jit = off
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  v_month timestamptz := date_trunc('month', is_archived.at, 'UTC');
begin
  -- Organization by organization, since the key begins with it: many rows and no other index.
  return v_month < now() and not tally.has_month(v_month)
    and exists (
      select from public.organizations as o
      cross join lateral (
        select from tally.usage_rollups as r
        where r.organization_id = o.id and r.actor_id = 0 and r.minutes = 1440
          and r.bucket_start >= v_month
          and r.bucket_start < (v_month at time zone 'UTC' + interval '1 month') at time zone 'UTC'
        limit 1
      ) as r
    );
end;
$$;
comment on function tally.is_archived(timestamptz) is
  'Whether the events of the month (UTC) of a moment were here and left: their rollups stay. Nothing more may be recorded of it, since it could not be told from what was, and a repair would take the few for all.';
revoke execute on function tally.is_archived(timestamptz) from public, anon, authenticated;

-- The first partitions: what makes them asks which months were archived.
select tally.ensure_partitions(now() - interval '35 days', now() + interval '3 months');

create function tally.dimension_key(
  provider text, model text, tool_name text, operation text, resource_type text,
  service_tier text, status text, unit_type text, is_byok boolean)
returns uuid
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return md5(row(dimension_key.provider, dimension_key.model, dimension_key.tool_name,
    dimension_key.operation,
      dimension_key.resource_type, dimension_key.service_tier, dimension_key.status,
      dimension_key.unit_type, dimension_key.is_byok)::text)::uuid;
end;
$$;
comment on function tally.dimension_key(text, text, text, text, text, text, text, text, boolean) is
  'A hash of a combination of attributes.';
revoke execute on function tally.dimension_key(text, text, text, text, text, text, text,
  text, boolean)
  from public, anon, authenticated;

create function tally.actor_key(user_id uuid, api_key_id uuid)
returns uuid
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return md5(row(actor_key.user_id, actor_key.api_key_id)::text)::uuid;
end;
$$;
comment on function tally.actor_key(uuid, uuid) is 'A hash of a user and an API key.';
revoke execute on function tally.actor_key(uuid, uuid) from public, anon, authenticated;

create function tally.duration_slot(duration_ms integer)
returns integer
language plpgsql immutable strict security invoker set search_path = ''
as $$
begin
  return ceil(ln(greatest(duration_slot.duration_ms, 1)) / ln(1.1))::integer;
end;
$$;
comment on function tally.duration_slot(integer) is
  'The logarithmic slot of a duration: slot s holds what is above 1.1^(s-1) and up to 1.1^s milliseconds.';
revoke execute on function tally.duration_slot(integer) from public, anon, authenticated;

create function tally.slot_duration(slot integer)
returns numeric
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return round(2 * power(1.1, slot_duration.slot) / 2.1, 1);
end;
$$;
comment on function tally.slot_duration(integer) is
  'The duration that stands for a slot, in milliseconds: at most 4.8 % from any in it.';
revoke execute on function tally.slot_duration(integer) from public, anon, authenticated;

-- tally.recorded_buckets counts an event the same way. Reading that view by the keys of the deltas
-- says it once, and costs every report half a millisecond of planning.
create view tally.pending_buckets with (security_invoker = true) as
select
  e.organization_id,
  e.seq,
  date_bin('15 minutes', e.created_at, timestamptz 'epoch') as bucket_start,
  e.user_id,
  e.api_key_id,
  e.provider,
  e.model,
  e.tool_name,
  e.operation,
  e.resource_type,
  e.service_tier,
  e.status,
  e.unit_type,
  e.is_byok,
  e.requests as request_count,
  e.input_tokens,
  e.output_tokens,
  coalesce((e.classes -> 'cache_read')::bigint, 0) as cache_read_tokens,
  coalesce((e.classes -> 'cache_write')::bigint, 0)
    + coalesce((e.classes -> 'cache_write_1h')::bigint, 0)
    as cache_write_tokens,
  coalesce((e.classes -> 'reasoning')::bigint, 0) as reasoning_tokens,
  coalesce(e.units, 0) as units,
  e.cost_usd,
  e.unpriced as unpriced_count,
  e.duration_ms,
  e.execution_id
from tally.pending_events as e;
comment on view tally.pending_buckets is
  'Unfolded events and adjustments as a rollup counts them, one row each.';
revoke all on tally.pending_buckets from anon, authenticated, service_role;
grant select on tally.pending_buckets to authenticated, service_role;

create view tally.usage_buckets with (security_invoker = true) as
select
  r.organization_id, r.bucket_start, d.provider, d.model, d.tool_name, d.operation, d.resource_type,
  d.service_tier, d.status, d.unit_type, d.is_byok, r.request_count, r.input_tokens,
  r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.units,
  r.cost_usd, r.unpriced_count, r.duration_count, r.duration_ms
from tally.usage_rollups as r
join tally.usage_dimensions as d on d.organization_id = r.organization_id and d.id = r.dimension_id
where r.actor_id = 0 and r.minutes = 15
union all
select
  p.organization_id, p.bucket_start, p.provider, p.model, p.tool_name, p.operation, p.resource_type,
  p.service_tier, p.status, p.unit_type, p.is_byok, p.request_count, p.input_tokens,
  p.output_tokens, p.cache_read_tokens, p.cache_write_tokens, p.reasoning_tokens, p.units,
  p.cost_usd, p.unpriced_count,
  case when p.duration_ms is null then 0 else 1 end, coalesce(p.duration_ms, 0)
from tally.pending_buckets as p;
comment on view tally.usage_buckets is
  'Use by 15-minute bucket (UTC) and dimension, exact at every moment: what is folded and, row by row, what is not. Sum over it.';
revoke all on tally.usage_buckets from anon, authenticated, service_role;
