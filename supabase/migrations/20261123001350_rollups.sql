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
-- fifth of the pages.
create table tally.usage_rollups_of_quarters partition of tally.usage_rollups for values in (15)
  with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create table tally.usage_rollups_of_hours partition of tally.usage_rollups for values in (60)
  with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create table tally.usage_rollups_of_days partition of tally.usage_rollups for values in (1440)
  with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create table tally.usage_rollups_of_weeks partition of tally.usage_rollups for values in (10080)
  with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
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

create type tally.counted as (
  organization_id uuid,
  bucket_start timestamptz,
  provider text,
  model text,
  tool_name text,
  operation text,
  resource_type text,
  service_tier text,
  status text,
  unit_type text,
  is_byok boolean,
  user_id uuid,
  api_key_id uuid,
  slot integer,
  request_count bigint,
  input_tokens bigint,
  output_tokens bigint,
  cache_read_tokens bigint,
  cache_write_tokens bigint,
  reasoning_tokens bigint,
  units numeric,
  cost_usd numeric,
  unpriced_count bigint,
  duration_ms bigint
);
comment on type tally.counted is
  'An event or an adjustment as rollups count it, or a sum of some of one 15-minute bucket that agree in every attribute, in who made them and in the slot of their duration.';

create type tally.placed as (
  organization_id uuid,
  actor_id bigint,
  bucket_start timestamptz,
  dimension_id bigint,
  slot integer,
  request_count bigint,
  input_tokens bigint,
  output_tokens bigint,
  cache_read_tokens bigint,
  cache_write_tokens bigint,
  reasoning_tokens bigint,
  units numeric,
  cost_usd numeric,
  unpriced_count bigint,
  duration_ms bigint
);
comment on type tally.placed is
  'What tally.counted holds, its attributes and its actor by their ids.';

create function tally.usage_levels(placed tally.placed[])
returns setof tally.usage_rollups
language plpgsql stable security definer set search_path = '' set jit = off
  set work_mem = '32MB' set enable_hashagg = off
  set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
  -- Each level from the next finer one.
  with quarters as materialized (
    select p.organization_id, p.actor_id, p.bucket_start, p.dimension_id,
      date_bin('1 hour', p.bucket_start, timestamptz 'epoch') as hour,
      date_bin('1 day', p.bucket_start, timestamptz 'epoch') as day,
      sum(p.request_count)::bigint as request_count, sum(p.input_tokens)::bigint as input_tokens,
      sum(p.output_tokens)::bigint as output_tokens,
      sum(p.cache_read_tokens)::bigint as cache_read_tokens,
      sum(p.cache_write_tokens)::bigint as cache_write_tokens,
      sum(p.reasoning_tokens)::bigint as reasoning_tokens, sum(p.units) as units,
      sum(p.cost_usd) as cost_usd, sum(p.unpriced_count)::bigint as unpriced_count,
      sum(case when p.slot is null then 0 else p.request_count end)::bigint as duration_count,
      sum(coalesce(p.duration_ms, 0))::bigint as duration_ms
    from unnest(usage_levels.placed) as p
    group by p.organization_id, p.actor_id, p.bucket_start, p.dimension_id
  ),
  finer as materialized (
    select q.organization_id, coalesce(q.actor_id, 0) as actor_id,
      case when grouping(q.day) = 0 then 1440 when grouping(q.hour) = 0 then 60 else 15 end
        as minutes,
      coalesce(q.bucket_start, q.hour, q.day) as bucket_start,
      coalesce(q.dimension_id, 0) as dimension_id,
      sum(q.request_count)::bigint as request_count, sum(q.input_tokens)::bigint as input_tokens,
      sum(q.output_tokens)::bigint as output_tokens,
      sum(q.cache_read_tokens)::bigint as cache_read_tokens,
      sum(q.cache_write_tokens)::bigint as cache_write_tokens,
      sum(q.reasoning_tokens)::bigint as reasoning_tokens, sum(q.units) as units,
      sum(q.cost_usd) as cost_usd, sum(q.unpriced_count)::bigint as unpriced_count,
      sum(q.duration_count)::bigint as duration_count, sum(q.duration_ms)::bigint as duration_ms
    from quarters as q
    group by q.organization_id, grouping sets ((q.bucket_start, q.dimension_id),
      (q.actor_id, q.day, q.dimension_id), (q.actor_id, q.hour))
  ),
  coarser as materialized (
    select f.*, date_bin('1 hour', f.bucket_start, timestamptz 'epoch') as hour,
      date_bin('1 day', f.bucket_start, timestamptz 'epoch') as day,
      date_bin('7 days', f.bucket_start, timestamptz 'epoch') as week
    from finer as f
    where f.minutes <> 60
  )
  select q.organization_id, q.actor_id, 15, q.bucket_start, q.dimension_id,
    q.request_count, q.input_tokens, q.output_tokens, q.cache_read_tokens, q.cache_write_tokens,
    q.reasoning_tokens, q.units, q.cost_usd, q.unpriced_count, q.duration_count, q.duration_ms
  from quarters as q
  union all
  select f.* from finer as f
  union all
  select c.organization_id, c.actor_id,
    case when grouping(c.day) = 0 then 1440 else 10080 end, coalesce(c.day, c.week), 0,
    sum(c.request_count)::bigint as request_count, sum(c.input_tokens)::bigint as input_tokens,
    sum(c.output_tokens)::bigint as output_tokens,
    sum(c.cache_read_tokens)::bigint as cache_read_tokens,
    sum(c.cache_write_tokens)::bigint as cache_write_tokens,
    sum(c.reasoning_tokens)::bigint as reasoning_tokens, sum(c.units) as units,
    sum(c.cost_usd) as cost_usd, sum(c.unpriced_count)::bigint as unpriced_count,
    sum(c.duration_count)::bigint as duration_count, sum(c.duration_ms)::bigint as duration_ms
  from coarser as c
  where c.minutes = 1440
  group by c.organization_id, c.actor_id, grouping sets ((c.day), (c.week))
  union all
  select c.organization_id, 0,
    case when grouping(c.day) = 0 then 1440 when grouping(c.hour) = 0 then 60 else 15 end,
    coalesce(c.bucket_start, c.hour, c.day), coalesce(c.dimension_id, 0),
    sum(c.request_count)::bigint as request_count, sum(c.input_tokens)::bigint as input_tokens,
    sum(c.output_tokens)::bigint as output_tokens,
    sum(c.cache_read_tokens)::bigint as cache_read_tokens,
    sum(c.cache_write_tokens)::bigint as cache_write_tokens,
    sum(c.reasoning_tokens)::bigint as reasoning_tokens, sum(c.units) as units,
    sum(c.cost_usd) as cost_usd, sum(c.unpriced_count)::bigint as unpriced_count,
    sum(c.duration_count)::bigint as duration_count, sum(c.duration_ms)::bigint as duration_ms
  from coarser as c
  where c.minutes = 15
  group by c.organization_id, grouping sets ((c.hour, c.dimension_id), (c.day, c.dimension_id),
    (c.bucket_start), (c.hour), (c.day));
end;
$$;
comment on function tally.usage_levels(tally.placed[]) is
  'Every row of tally.usage_rollups that counted events come to.';
revoke execute on function tally.usage_levels(tally.placed[]) from public, anon, authenticated;

create function tally.duration_levels(placed tally.placed[])
returns setof tally.duration_rollups
language plpgsql stable security definer set search_path = '' set jit = off
  set work_mem = '32MB' set enable_hashagg = off
  set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
  with quarters as materialized (
    select p.organization_id, p.bucket_start, p.dimension_id, p.slot,
      date_bin('1 hour', p.bucket_start, timestamptz 'epoch') as hour,
      date_bin('1 day', p.bucket_start, timestamptz 'epoch') as day,
      sum(p.request_count)::bigint as request_count
    from unnest(duration_levels.placed) as p
    where p.slot is not null
    group by p.organization_id, p.bucket_start, p.dimension_id, p.slot
  )
  select q.organization_id, 15, q.bucket_start, q.dimension_id, q.slot, q.request_count
  from quarters as q
  union all
  select q.organization_id, case when grouping(q.day) = 0 then 1440 else 60 end,
    coalesce(q.hour, q.day), coalesce(q.dimension_id, 0), q.slot, sum(q.request_count)::bigint
  from quarters as q
  group by q.organization_id, q.slot, grouping sets ((q.day, q.dimension_id), (q.hour), (q.day));
end;
$$;
comment on function tally.duration_levels(tally.placed[]) is
  'Every row of tally.duration_rollups that counted events come to.';
revoke execute on function tally.duration_levels(tally.placed[]) from public, anon, authenticated;

create function tally.name_counted(counted tally.counted[])
returns void
language plpgsql volatile security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  insert into tally.usage_dimensions (organization_id, key, provider, model, tool_name, operation,
    resource_type, service_tier, status, unit_type, is_byok)
  select k.organization_id, k.key, k.provider, k.model, k.tool_name, k.operation, k.resource_type,
    k.service_tier, k.status, k.unit_type, k.is_byok
  from (
    select g.*, tally.dimension_key(g.provider, g.model, g.tool_name, g.operation, g.resource_type,
      g.service_tier, g.status, g.unit_type, g.is_byok) as key
    from (
      select distinct c.organization_id, c.provider, c.model, c.tool_name, c.operation,
        c.resource_type, c.service_tier, c.status, c.unit_type, c.is_byok
      from unnest(name_counted.counted) as c
    ) as g
  ) as k
  where not exists (
    select from tally.usage_dimensions as d where d.organization_id = k.organization_id
      and d.key = k.key
  );
  insert into tally.usage_actors (organization_id, key, user_id, api_key_id)
  select k.organization_id, k.key, k.user_id, k.api_key_id
  from (
    select g.*, tally.actor_key(g.user_id, g.api_key_id) as key
    from (
      select distinct c.organization_id, c.user_id, c.api_key_id
      from unnest(name_counted.counted) as c
    ) as g
  ) as k
  where not exists (
    select from tally.usage_actors as a where a.organization_id = k.organization_id
      and a.key = k.key
  );
end;
$$;
comment on function tally.name_counted(tally.counted[]) is
  'Makes the dimensions and actors of counted events that their organizations did not have yet.';
revoke execute on function tally.name_counted(tally.counted[]) from public, anon, authenticated;

create function tally.place_counted(counted tally.counted[])
returns tally.placed[]
language plpgsql stable security definer set search_path = '' set jit = off
  set work_mem = '32MB' set enable_nestloop = off set enable_mergejoin = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  -- The key of a dimension is dear: it is made once for each, what else is like it is found by a
  -- hash that the server makes of a row.
  return array(
    with counted as materialized (
      select c.*, hash_record_extended(row(c.provider, c.model, c.tool_name, c.operation,
          c.resource_type, c.service_tier, c.status, c.unit_type, c.is_byok), 0) as hash,
        hash_record_extended(row(c.user_id, c.api_key_id), 0) as actor_hash
      from unnest(place_counted.counted) as c
    ),
    dimensions as materialized (
      select g.*, (
        select d.id from tally.usage_dimensions as d
        where d.organization_id = g.organization_id
          and d.key = tally.dimension_key(g.provider, g.model, g.tool_name, g.operation,
            g.resource_type, g.service_tier, g.status, g.unit_type, g.is_byok)
      ) as id
      from (
        select distinct c.organization_id, c.hash, c.provider, c.model, c.tool_name, c.operation, c.resource_type,
          c.service_tier, c.status, c.unit_type, c.is_byok
        from counted as c
      ) as g
    ),
    actors as materialized (
      select g.*, (
        select a.id from tally.usage_actors as a
        where a.organization_id = g.organization_id
          and a.key = tally.actor_key(g.user_id, g.api_key_id)
      ) as id
      from (
        select distinct c.organization_id, c.actor_hash, c.user_id, c.api_key_id from counted as c
      ) as g
    )
    select row(c.organization_id, coalesce(a.id, -1), c.bucket_start, coalesce(d.id, -1), c.slot,
      c.request_count, c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_write_tokens,
      c.reasoning_tokens, c.units, c.cost_usd, c.unpriced_count, c.duration_ms)::tally.placed
    from counted as c
    join dimensions as d on d.hash = c.hash and d.organization_id = c.organization_id
      and row(d.provider, d.model, d.tool_name, d.operation, d.resource_type, d.service_tier,
        d.status, d.unit_type, d.is_byok)
      is not distinct from row(c.provider, c.model, c.tool_name, c.operation, c.resource_type,
        c.service_tier, c.status, c.unit_type, c.is_byok)
    join actors as a on a.actor_hash = c.actor_hash and a.organization_id = c.organization_id
      and row(a.user_id, a.api_key_id) is not distinct from row(c.user_id, c.api_key_id)
  );
end;
$$;
comment on function tally.place_counted(tally.counted[]) is
  'Counted events by the ids of their dimensions and actors; -1 where there is none yet.';
revoke execute on function tally.place_counted(tally.counted[]) from public, anon, authenticated;

create function tally.add_to_rollups(counted tally.counted[])
returns void
language plpgsql volatile security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_placed tally.placed[];
begin
  perform tally.name_counted(add_to_rollups.counted);
  v_placed := tally.place_counted(add_to_rollups.counted);
  insert into tally.duration_rollups as r
  select l.*
  from tally.duration_levels(v_placed) as l
  order by l.organization_id, l.minutes, l.bucket_start, l.dimension_id, l.slot
  on conflict on constraint slot_has_one_row_per_bucket
  do update set request_count = r.request_count + excluded.request_count;
  insert into tally.usage_rollups as r
  select l.*
  from tally.usage_levels(v_placed) as l
  order by l.organization_id, l.actor_id, l.minutes, l.bucket_start, l.dimension_id
  on conflict on constraint rollup_has_one_row_per_bucket do update set
    request_count = r.request_count + excluded.request_count,
    input_tokens = r.input_tokens + excluded.input_tokens,
    output_tokens = r.output_tokens + excluded.output_tokens,
    cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens,
    cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens,
    reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens,
    units = r.units + excluded.units,
    cost_usd = r.cost_usd + excluded.cost_usd,
    unpriced_count = r.unpriced_count + excluded.unpriced_count,
    duration_count = r.duration_count + excluded.duration_count,
    duration_ms = r.duration_ms + excluded.duration_ms;
  insert into tally.changed_hours (organization_id, hour)
  select distinct p.organization_id, date_bin('1 hour', p.bucket_start, timestamptz 'epoch')
  from unnest(v_placed) as p
  join public.billing_customers as b on b.organization_id = p.organization_id
  on conflict do nothing;
end;
$$;
comment on function tally.add_to_rollups(tally.counted[]) is
  'Adds counted events to every rollup they belong to. The caller holds the folding locks of their organizations.';
revoke execute on function tally.add_to_rollups(tally.counted[]) from public, anon, authenticated;

create function tally.count_deltas(
  organization_id uuid, seqs bigint[], out counted tally.counted[], out has_executions boolean)
language plpgsql stable security definer set search_path = '' set jit = off
  set enable_seqscan = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  select array_agg(row(p.organization_id, p.bucket_start, p.provider, p.model, p.tool_name,
      p.operation, p.resource_type, p.service_tier, p.status, p.unit_type, p.is_byok, p.user_id,
      p.api_key_id, tally.duration_slot(p.duration_ms), p.request_count, p.input_tokens,
      p.output_tokens, p.cache_read_tokens, p.cache_write_tokens, p.reasoning_tokens, p.units,
      p.cost_usd, p.unpriced_count, p.duration_ms)::tally.counted),
    bool_or(p.execution_id is not null)
  into count_deltas.counted, count_deltas.has_executions
  from tally.pending_buckets as p
  where p.organization_id = count_deltas.organization_id and p.seq = any (count_deltas.seqs);
end;
$$;
comment on function tally.count_deltas(uuid, bigint[]) is
  'The events and adjustments that deltas name, as rollups count them, and whether any belongs to an execution.';
revoke execute on function tally.count_deltas(uuid, bigint[]) from public, anon, authenticated;
