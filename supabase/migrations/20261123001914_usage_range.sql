-- What reports read: one function sums the use of spans of time by one dimension, from the rollups
-- and from what they do not hold. Everything that is reported comes from here.

create function tally.loose_use(
  organization_id uuid, boundaries timestamptz[], filter tally.report_filter, dimension text)
returns setof tally.span_use
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_is_filtered boolean := tally.has_conditions(loose_use.filter);
begin
  return query
  select l.span, case when loose_use.dimension is not null
    then tally.dimension_value(loose_use.dimension, l.provider, l.model, l.tool_name, l.operation,
      l.resource_type, l.service_tier, l.status, l.unit_type, l.is_byok, l.user_id,
      l.api_key_id) end,
    sum(l.request_count), sum(l.input_tokens)::bigint, sum(l.output_tokens)::bigint,
    sum(l.cache_read_tokens)::bigint, sum(l.cache_write_tokens)::bigint,
    sum(l.reasoning_tokens)::bigint, sum(l.units), sum(l.cost_usd),
    sum(l.unpriced_count),
    count(l.duration_ms), coalesce(sum(l.duration_ms), 0)::bigint
  from (
    select width_bucket(c.starts_at, loose_use.boundaries) as span, b.provider, b.model,
      b.tool_name, b.operation, b.resource_type, b.service_tier, b.status, b.unit_type, b.is_byok,
      b.user_id, b.api_key_id, b.request_count, b.input_tokens, b.output_tokens,
      b.cache_read_tokens, b.cache_write_tokens, b.reasoning_tokens, b.units, b.cost_usd,
      b.unpriced_count, b.duration_ms
    from tally.cut_range(array[loose_use.boundaries[1],
      loose_use.boundaries[cardinality(loose_use.boundaries)]], '{15}') as c
    cross join lateral (
      select r.*
      from tally.recorded_buckets as r
      where r.organization_id = loose_use.organization_id
        and r.created_at >= c.starts_at and r.created_at < c.ends_at
      offset 0
    ) as b
    where c.minutes = 0
    union all
    select width_bucket(p.bucket_start, loose_use.boundaries), p.provider, p.model,
      p.tool_name, p.operation, p.resource_type, p.service_tier, p.status, p.unit_type, p.is_byok,
      p.user_id, p.api_key_id, p.request_count, p.input_tokens, p.output_tokens,
      p.cache_read_tokens, p.cache_write_tokens, p.reasoning_tokens, p.units, p.cost_usd,
      p.unpriced_count, p.duration_ms
    from tally.pending_buckets as p
    where p.organization_id = loose_use.organization_id
      -- Of quarters that are read whole from the rollups: the rest is among the events above.
      and p.bucket_start >= loose_use.boundaries[1]
      and p.bucket_start
        + interval '15 minutes' <= loose_use.boundaries[cardinality(loose_use.boundaries)]
  ) as l
  where (not v_is_filtered or tally.passes(loose_use.filter, l.provider, l.model,
    l.tool_name, l.operation,
      l.resource_type, l.service_tier, l.status, l.unit_type, l.is_byok))
    and ((loose_use.filter).user_id is null or array_position((loose_use.filter).user_id,
      l.user_id::text) is not null)
    and ((loose_use.filter).api_key_id is null
      or array_position((loose_use.filter).api_key_id, l.api_key_id::text) is not null)
  group by 1, 2;
end;
$$;
comment on function tally.loose_use(uuid, timestamptz[], tally.report_filter, text) is
  'The use within spans that the rollups do not hold: what is not folded, and the events of quarters of an hour that a range cuts.';
revoke execute on function tally.loose_use(uuid, timestamptz[], tally.report_filter, text)
  from public, anon, authenticated;

create function tally.usage_range(organization_id uuid, boundaries timestamptz[], filters jsonb,
  dimension text)
returns setof tally.span_use
language plpgsql stable security definer set search_path = '' set jit = off set work_mem = '32MB'
  set enable_hashagg = off
as $$
declare
  v_filter tally.report_filter := tally.read_filters(usage_range.filters);
  v_bounds timestamptz[] := usage_range.boundaries;
begin
  if usage_range.dimension not in ('provider', 'model', 'tool_name', 'operation', 'resource_type',
    'service_tier', 'status', 'unit_type', 'is_byok', 'user_id', 'api_key_id') then
    perform tally.fail('PT400', format('There is no dimension %L.', usage_range.dimension),
      'dimension',
      'Use provider, model, tool_name, operation, resource_type, service_tier, status, unit_type, is_byok, user_id or api_key_id.');
  end if;
  v_bounds[1] := tally.round_archived(v_bounds[1]);
  v_bounds[cardinality(v_bounds)] := tally.round_archived(v_bounds[cardinality(v_bounds)]);
  return query
  select u.span, u.dimension, sum(u.request_count)::bigint, sum(u.input_tokens)::bigint,
    sum(u.output_tokens)::bigint, sum(u.cache_read_tokens)::bigint,
    sum(u.cache_write_tokens)::bigint, sum(u.reasoning_tokens)::bigint,
    trim_scale(sum(u.units)), trim_scale(sum(u.cost_usd)),
    sum(u.unpriced_count)::bigint, sum(u.duration_count)::bigint, sum(u.duration_ms)::bigint
  from (
    select * from tally.loose_use(usage_range.organization_id, v_bounds, v_filter,
      usage_range.dimension)
    union all
    select * from tally.folded_totals(usage_range.organization_id, v_bounds)
    where usage_range.dimension is null and usage_range.filters = '{}'
    union all
    select * from tally.folded_use(usage_range.organization_id, v_bounds, v_filter,
      usage_range.dimension)
    where not (usage_range.dimension is null and usage_range.filters = '{}')
      and not usage_range.filters ?| array['user_id', 'api_key_id']
      and coalesce(usage_range.dimension, '') not in ('user_id', 'api_key_id')
    union all
    select * from tally.folded_use_of_actors(usage_range.organization_id, v_bounds, v_filter,
      usage_range.dimension)
    where usage_range.filters ?| array['user_id', 'api_key_id']
      or usage_range.dimension in ('user_id', 'api_key_id')
  ) as u
  group by u.span, u.dimension
  -- What was taken off a day may leave nothing.
  having sum(u.request_count)::bigint <> 0 or sum(u.cost_usd) <> 0
    or sum(u.unpriced_count)::bigint <> 0;
end;
$$;
comment on function tally.usage_range(uuid, timestamptz[], jsonb, text) is
  'The use of an organization within the spans between moments, by one dimension or none (null), of the events that filters let through: exact, and read from the coarsest rollup that is. Spans without use have no row.';
revoke execute on function tally.usage_range(uuid, timestamptz[], jsonb, text)
  from public, anon, authenticated;
