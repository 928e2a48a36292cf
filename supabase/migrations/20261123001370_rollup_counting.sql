-- Counting: events become rows of the rollups, at every level that they belong to.

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
  set work_mem = '32MB' set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
  with placed as (
    select p.*, date_bin('1 hour', p.bucket_start, timestamptz 'epoch') as hour,
      date_bin('1 day', p.bucket_start, timestamptz 'epoch') as day,
      date_bin('7 days', p.bucket_start, timestamptz 'epoch') as week
    from unnest(usage_levels.placed) as p
    offset 0
  )
  select p.organization_id, coalesce(p.actor_id, 0),
    case when grouping(p.bucket_start) = 0 then 15 when grouping(p.hour) = 0 then 60
      when grouping(p.day) = 0 then 1440 else 10080 end,
    coalesce(p.bucket_start, p.hour, p.day, p.week), coalesce(p.dimension_id, 0),
    sum(p.request_count)::bigint, sum(p.input_tokens)::bigint, sum(p.output_tokens)::bigint,
    sum(p.cache_read_tokens)::bigint, sum(p.cache_write_tokens)::bigint,
    sum(p.reasoning_tokens)::bigint, sum(p.units), sum(p.cost_usd), sum(p.unpriced_count)::bigint,
    sum(case when p.slot is null then 0 else p.request_count end)::bigint,
    sum(coalesce(p.duration_ms, 0))::bigint
  from placed as p
  group by p.organization_id, grouping sets (
    (p.bucket_start, p.dimension_id), (p.hour, p.dimension_id), (p.day, p.dimension_id),
    (p.bucket_start), (p.hour), (p.day),
    (p.actor_id, p.bucket_start, p.dimension_id), (p.actor_id, p.day, p.dimension_id),
    (p.actor_id, p.hour), (p.actor_id, p.day), (p.actor_id, p.week));
end;
$$;
comment on function tally.usage_levels(tally.placed[]) is
  'Every row of tally.usage_rollups that counted events come to.';
revoke execute on function tally.usage_levels(tally.placed[]) from public, anon, authenticated;

create function tally.duration_levels(placed tally.placed[])
returns setof tally.duration_rollups
language plpgsql stable security definer set search_path = '' set jit = off
  set work_mem = '32MB' set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
  with placed as (
    select p.*, date_bin('1 hour', p.bucket_start, timestamptz 'epoch') as hour,
      date_bin('1 day', p.bucket_start, timestamptz 'epoch') as day
    from unnest(duration_levels.placed) as p
    where p.slot is not null
    offset 0
  )
  select p.organization_id, case when grouping(p.bucket_start) = 0 then 15
      when grouping(p.hour) = 0 then 60 else 1440 end,
    coalesce(p.bucket_start, p.hour, p.day), coalesce(p.dimension_id, 0), p.slot,
    sum(p.request_count)::bigint
  from placed as p
  group by p.organization_id, p.slot, grouping sets (
    (p.bucket_start, p.dimension_id), (p.day, p.dimension_id), (p.hour), (p.day));
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
        select distinct c.organization_id, c.hash, c.provider, c.model, c.tool_name, c.operation,
          c.resource_type, c.service_tier, c.status, c.unit_type, c.is_byok
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
