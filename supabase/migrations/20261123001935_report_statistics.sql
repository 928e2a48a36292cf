-- How requests and buckets are spread: averages and percentiles.

create function tally.duration_slots(organization_id uuid, boundaries timestamptz[],
  filter tally.report_filter)
returns table (slot integer, request_count bigint)
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = off
  set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
as $$
declare
  v_dimensions bigint[] := tally.passing_dimensions(duration_slots.organization_id,
    duration_slots.filter);
  v_is_filtered boolean := tally.has_conditions(duration_slots.filter);
  -- Without a filter the rows of all dimensions together are enough, where there are any.
  v_totals boolean := not v_is_filtered and tally.rollup_levels('duration_totals') <> '{}';
  v_levels integer[] := tally.rollup_levels(case when v_totals then 'duration_totals'
    else 'durations' end);
begin
  return query
  with slots (slot, request_count) as (
    select r.slot, case when c.span is null then -r.request_count else r.request_count end
    from tally.cut_range(duration_slots.boundaries, v_levels) as c
    cross join lateral (
      select t.*
      from tally.duration_rollups as t
      where t.organization_id = duration_slots.organization_id and t.minutes = c.minutes
        and t.bucket_start >= c.starts_at and t.bucket_start < c.ends_at
        and t.dimension_id + 0 = any (v_dimensions)
      offset 0
    ) as r
    where c.minutes > 0 and (c.minutes = 15 or not v_totals)
    union all
    -- All dimensions together, bucket by bucket: between them stand those of each dimension.
    select r.slot, case when c.span is null then -r.request_count else r.request_count end
    from tally.cut_range(duration_slots.boundaries, v_levels) as c
    cross join lateral (
      select t.*
      from generate_series(c.starts_at, c.ends_at - interval '1 microsecond',
        c.minutes * interval '1 minute') as b (bucket_start)
      cross join lateral (
        select u.*
        from tally.duration_rollups as u
        where u.organization_id = duration_slots.organization_id and u.minutes = c.minutes
          and u.bucket_start = b.bucket_start and u.dimension_id = 0
        offset 0
      ) as t
      where c.minutes > 15
      offset 0
    ) as r
    where c.minutes > 15 and v_totals
    union all
    select tally.duration_slot(b.duration_ms), 1
    from tally.cut_range(duration_slots.boundaries, '{15}') as c
    cross join lateral (
      select r.*
      from tally.recorded_buckets as r
      where r.organization_id = duration_slots.organization_id
        and r.created_at >= c.starts_at and r.created_at < c.ends_at
      offset 0
    ) as b
    where c.minutes = 0 and b.duration_ms is not null
      and (not v_is_filtered or tally.passes(duration_slots.filter, b.provider, b.model,
        b.tool_name, b.operation, b.resource_type, b.service_tier, b.status, b.unit_type,
        b.is_byok))
    union all
    select tally.duration_slot(p.duration_ms), 1
    from tally.pending_buckets as p
    where p.organization_id = duration_slots.organization_id and p.duration_ms is not null
      and p.bucket_start >= duration_slots.boundaries[1]
      and p.bucket_start
        + interval '15 minutes' <= duration_slots.boundaries[cardinality(duration_slots.boundaries)]
      and (not v_is_filtered or tally.passes(duration_slots.filter, p.provider, p.model,
        p.tool_name, p.operation, p.resource_type, p.service_tier, p.status, p.unit_type,
        p.is_byok))
  )
  select s.slot, sum(s.request_count)::bigint
  from slots as s
  group by s.slot
  having sum(s.request_count) > 0;
end;
$$;
comment on function tally.duration_slots(uuid, timestamptz[], tally.report_filter) is
  'How many of the requests of a range took how long, by logarithmic slot.';
revoke execute on function tally.duration_slots(uuid, timestamptz[], tally.report_filter)
  from public, anon, authenticated;

create function tally.usage_statistics(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb,
  timezone text, bucket text)
returns table (measure text, per text, sample_count bigint, average numeric,
  p50 numeric, p95 numeric, p99 numeric, maximum numeric)
language plpgsql stable security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_timezone text;
  v_ends_at timestamptz;
  v_range timestamptz[];
  v_bounds timestamptz[];
begin
  v_timezone := tally.check_report(usage_statistics.organization_id, usage_statistics.starts_at,
    usage_statistics.ends_at, usage_statistics.timezone);
  -- Buckets that are still to come are no zeros.
  v_ends_at := case when now() > usage_statistics.starts_at
    then tally.reading_end(usage_statistics.ends_at)
    else usage_statistics.ends_at end;
  v_range := array[tally.round_archived(usage_statistics.starts_at),
    tally.round_archived(v_ends_at)];
  v_bounds := tally.bucket_boundaries(usage_statistics.starts_at, v_ends_at,
    usage_statistics.bucket, v_timezone);
  return query
  with total as (
    select sum(u.duration_ms) as duration_ms, sum(u.duration_count) as duration_count
    from tally.usage_range(usage_statistics.organization_id,
      array[usage_statistics.starts_at, v_ends_at], usage_statistics.filters, null) as u
  ),
  slots as (
    select s.slot, sum(s.request_count) over (order by s.slot) as upto,
      sum(s.request_count) over () as in_all
    from tally.duration_slots(usage_statistics.organization_id, v_range,
      tally.read_filters(usage_statistics.filters)) as s
    where not usage_statistics.filters ?| array['user_id', 'api_key_id']
  )
  select 'duration_ms'::text, 'request'::text, coalesce(t.duration_count, 0)::bigint,
    round(t.duration_ms / nullif(t.duration_count, 0), 1), p.p50, p.p95, p.p99, p.maximum
  from total as t
  cross join (
    select
      tally.slot_duration(min(s.slot) filter (where s.upto >= 0.50 * s.in_all)) as p50,
      tally.slot_duration(min(s.slot) filter (where s.upto >= 0.95 * s.in_all)) as p95,
      tally.slot_duration(min(s.slot) filter (where s.upto >= 0.99 * s.in_all)) as p99,
      tally.slot_duration(max(s.slot)) as maximum
    from slots as s
  ) as p;
  return query
  select m.measure, usage_statistics.bucket, count(*), trim_scale(round(avg(m.amount), 12)),
    percentile_disc(0.50) within group (order by m.amount),
    percentile_disc(0.95) within group (order by m.amount),
    percentile_disc(0.99) within group (order by m.amount),
    max(m.amount)
  from tally.read_series(usage_statistics.organization_id, v_bounds, usage_statistics.filters,
    v_timezone, null) as s
  cross join lateral (
    values
      (1, 'request_count', tally.measure_of(s.use, 'request_count')),
      (2, 'total_tokens', tally.measure_of(s.use, 'total_tokens')),
      (3, 'total_cost_usd', tally.measure_of(s.use, 'total_cost_usd')),
      (4, 'total_units', coalesce((s.use).units, 0))
  ) as m (place, measure, amount)
  group by m.place, m.measure
  order by m.place;
end;
$$;
comment on function tally.usage_statistics(uuid, timestamptz, timestamptz, jsonb, text, text) is
  'Behind public.usage_statistics.';
revoke execute on function tally.usage_statistics(uuid, timestamptz, timestamptz, jsonb, text, text)
  from public, anon, authenticated;
grant execute on function tally.usage_statistics(uuid, timestamptz, timestamptz, jsonb, text, text)
  to authenticated, service_role;

create function public.usage_statistics(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb default '{}',
  timezone text default null, bucket text default 'hour')
returns table (measure text, per text, sample_count bigint, average numeric,
  p50 numeric, p95 numeric, p99 numeric, maximum numeric)
language sql stable security invoker set search_path = ''
as $$
  select r.*
  from tally.usage_statistics(usage_statistics.organization_id, usage_statistics.starts_at,
    usage_statistics.ends_at, usage_statistics.filters, usage_statistics.timezone,
    usage_statistics.bucket) as r
$$;
comment on function public.usage_statistics(uuid, timestamptz, timestamptz, jsonb, text, text) is
  'Average, p50, p95, p99 and maximum: of the duration of requests (percentiles within 5 %, from logarithmic slots; null when limited to users or keys) and of requests, tokens, cost and units per bucket (exact; empty buckets up to now count as zero). Errors: PT400, PT403.';
revoke execute on function public.usage_statistics(uuid, timestamptz, timestamptz,
  jsonb, text, text)
  from public, anon, authenticated;
grant execute on function public.usage_statistics(uuid, timestamptz, timestamptz, jsonb, text, text)
  to authenticated, service_role;
