-- What the rollups hold of spans of time, by one dimension or none.

create type tally.span_use as (
  span integer,
  dimension text,
  request_count bigint,
  input_tokens bigint,
  output_tokens bigint,
  cache_read_tokens bigint,
  cache_write_tokens bigint,
  reasoning_tokens bigint,
  units numeric,
  cost_usd numeric,
  unpriced_count bigint,
  duration_count bigint,
  duration_ms bigint
);
comment on type tally.span_use is
  'Use within one span of time (numbered from 1) of one value of a dimension.';

create function tally.folded_totals(organization_id uuid, boundaries timestamptz[])
returns setof tally.span_use
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = off
  set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
as $$
begin
  return query
  with summed as materialized (
    select c.span, c.minus_span, sum(r.request_count)::bigint as request_count,
      sum(r.input_tokens)::bigint as input_tokens, sum(r.output_tokens)::bigint as output_tokens,
      sum(r.cache_read_tokens)::bigint as cache_read_tokens,
      sum(r.cache_write_tokens)::bigint as cache_write_tokens,
      sum(r.reasoning_tokens)::bigint as reasoning_tokens, sum(r.units) as units,
      sum(r.cost_usd) as cost_usd, sum(r.unpriced_count)::bigint as unpriced_count,
      sum(r.duration_count)::bigint as duration_count, sum(r.duration_ms)::bigint as duration_ms
    from tally.cut_range(folded_totals.boundaries, tally.rollup_levels('totals')) as c
    cross join lateral (
      -- Row by row, each by its whole key: between the rows for everything stand those of each
      -- dimension.
      select t.*
      from generate_series(c.starts_at, c.ends_at - interval '1 microsecond',
        c.minutes * interval '1 minute') as b (bucket_start)
      cross join lateral (
        select u.*
        from tally.usage_rollups as u
        where u.organization_id = folded_totals.organization_id and u.actor_id = 0
          and u.minutes = c.minutes and u.bucket_start = b.bucket_start and u.dimension_id = 0
        offset 0
      ) as t
      where c.minutes > 0
      offset 0
    ) as r
    where c.minutes > 0
    group by c.span, c.minus_span
  )
  select g.span, null::text,
    sum(g.sign * s.request_count)::bigint, sum(g.sign * s.input_tokens)::bigint,
    sum(g.sign * s.output_tokens)::bigint, sum(g.sign * s.cache_read_tokens)::bigint,
    sum(g.sign * s.cache_write_tokens)::bigint, sum(g.sign * s.reasoning_tokens)::bigint,
    sum(g.sign * s.units), sum(g.sign * s.cost_usd),
    sum(g.sign * s.unpriced_count)::bigint, sum(g.sign * s.duration_count)::bigint,
    sum(g.sign * s.duration_ms)::bigint
  from summed as s
  cross join lateral (values (s.span, 1), (s.minus_span, -1)) as g (span, sign)
  where g.span is not null
  group by g.span;
end;
$$;
comment on function tally.folded_totals(uuid, timestamptz[]) is
  'What the rollups hold of spans, without filter or dimension.';
revoke execute on function tally.folded_totals(uuid, timestamptz[])
  from public, anon, authenticated;

create function tally.folded_use(
  organization_id uuid, boundaries timestamptz[], filter tally.report_filter, dimension text)
returns setof tally.span_use
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = off
  set work_mem = '32MB' set enable_hashagg = off set enable_nestloop = off
as $$
-- Nested loops are left where there is no other way, inside the ranges. To join the dimensions by
-- one would read all ranges once for each: the planner takes an organization for an average one,
-- which has few.
declare
  v_dimensions bigint[] := tally.passing_dimensions(folded_use.organization_id, folded_use.filter);
  v_all boolean := not tally.has_conditions(folded_use.filter);
begin
  return query
  with labels as materialized (
    select d.id, tally.dimension_value(folded_use.dimension, d.provider, d.model, d.tool_name,
      d.operation, d.resource_type, d.service_tier, d.status, d.unit_type, d.is_byok, null, null)
      as label
    from tally.usage_dimensions as d
    where d.organization_id = folded_use.organization_id
  )
  select r.span, n.label,
    sum(r.sign * r.request_count)::bigint, sum(r.sign * r.input_tokens)::bigint,
    sum(r.sign * r.output_tokens)::bigint, sum(r.sign * r.cache_read_tokens)::bigint,
    sum(r.sign * r.cache_write_tokens)::bigint, sum(r.sign * r.reasoning_tokens)::bigint,
    sum(case r.sign when 1 then r.units else -r.units end),
    sum(case r.sign when 1 then r.cost_usd else -r.cost_usd end),
    sum(r.sign * r.unpriced_count)::bigint, sum(r.sign * r.duration_count)::bigint,
    sum(r.sign * r.duration_ms)::bigint
  from (
    select g.span, g.sign, t.*
    from tally.cut_range(folded_use.boundaries, tally.rollup_levels('dimensions')) as c
    cross join lateral (values (c.span, 1), (c.minus_span, -1)) as g (span, sign)
    cross join lateral (
      select u.*
      from tally.usage_rollups as u
      where u.organization_id = folded_use.organization_id and u.actor_id = 0
        and u.minutes = c.minutes
        and u.bucket_start >= c.starts_at and u.bucket_start < c.ends_at
        -- A filter, not a condition of the index: one scan of the range instead of one for each
        -- dimension.
        and (v_all and u.dimension_id <> 0 or u.dimension_id + 0 = any (v_dimensions))
      offset 0
    ) as t
    where c.minutes > 0 and g.span is not null
    offset 0
  ) as r
  join labels as n on n.id = r.dimension_id
  group by 1, 2;
end;
$$;
comment on function tally.folded_use(uuid, timestamptz[], tally.report_filter, text) is
  'What the rollups hold of spans, by one dimension (or none) of the events that a filter lets through, whoever they are by.';
revoke execute on function tally.folded_use(uuid, timestamptz[], tally.report_filter, text)
  from public, anon, authenticated;

create function tally.folded_use_of_actors(
  organization_id uuid, boundaries timestamptz[], filter tally.report_filter, dimension text)
returns setof tally.span_use
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = off
  set work_mem = '32MB' set enable_hashagg = off
as $$
declare
  v_dimensions bigint[] := tally.passing_dimensions(folded_use_of_actors.organization_id,
    folded_use_of_actors.filter);
  v_actors bigint[] := array(
    select a.id
    from tally.usage_actors as a
    where a.organization_id = folded_use_of_actors.organization_id
      and ((folded_use_of_actors.filter).user_id is null
        or array_position((folded_use_of_actors.filter).user_id, a.user_id::text) is not null)
      and ((folded_use_of_actors.filter).api_key_id is null
        or array_position((folded_use_of_actors.filter).api_key_id, a.api_key_id::text) is not null)
  );
  v_everybody boolean := (folded_use_of_actors.filter).user_id is null
    and (folded_use_of_actors.filter).api_key_id is null;
  -- Without a filter on other attributes the rows of all dimensions together are enough, where
  -- there are any.
  v_totals boolean := coalesce(folded_use_of_actors.dimension in ('user_id', 'api_key_id'), true)
    and not tally.has_conditions(folded_use_of_actors.filter)
    and tally.rollup_levels('actor_totals') <> '{}';
  v_levels integer[] := tally.rollup_levels(case when v_totals then 'actor_totals'
    else 'actors' end);
  v_least bigint := (select min(d) from unnest(v_dimensions) as d);
  v_most bigint := (select max(d) from unnest(v_dimensions) as d);
begin
  return query
  with cuts as materialized (
    select g.span, g.sign, c.minutes, c.starts_at, c.ends_at
    from tally.cut_range(folded_use_of_actors.boundaries, v_levels) as c
    cross join lateral (values (c.span, 1), (c.minus_span, -1)) as g (span, sign)
    where c.minutes > 0 and g.span is not null
  ),
  summed as materialized (
    select r.span, r.actor_id, r.dimension_id,
      sum(r.sign * r.request_count)::bigint as request_count,
      sum(r.sign * r.input_tokens)::bigint as input_tokens,
      sum(r.sign * r.output_tokens)::bigint as output_tokens,
      sum(r.sign * r.cache_read_tokens)::bigint as cache_read_tokens,
      sum(r.sign * r.cache_write_tokens)::bigint as cache_write_tokens,
      sum(r.sign * r.reasoning_tokens)::bigint as reasoning_tokens,
      -- To multiply costs a decimal number as much as to add it.
      sum(case r.sign when 1 then r.units else -r.units end) as units,
      sum(case r.sign when 1 then r.cost_usd else -r.cost_usd end) as cost_usd,
      sum(r.sign * r.unpriced_count)::bigint as unpriced_count,
      sum(r.sign * r.duration_count)::bigint as duration_count,
      sum(r.sign * r.duration_ms)::bigint as duration_ms
    from (
      select c.span, c.sign, l.*
      from cuts as c
      cross join unnest(v_actors) as a (id)
      cross join lateral (
        select t.*
        from tally.usage_rollups as t
        where t.organization_id = folded_use_of_actors.organization_id and t.actor_id = a.id
          and t.minutes = c.minutes
          and t.bucket_start >= c.starts_at and t.bucket_start < c.ends_at
          and t.dimension_id between v_least and v_most
        offset 0
      ) as l
      where c.minutes = 15 or not v_totals
      union all
      -- All dimensions together: what stands in the range, whoever it is by.
      select c.span, c.sign, l.*
      from cuts as c
      cross join lateral (
        select t.*
        from tally.usage_rollups as t
        where t.organization_id = folded_use_of_actors.organization_id and t.actor_id <> 0
          and t.dimension_id = 0
          and t.minutes = c.minutes and t.bucket_start >= c.starts_at and t.bucket_start < c.ends_at
          and (v_everybody or t.actor_id + 0 = any (v_actors))
        offset 0
      ) as l
      where c.minutes > 15 and v_totals
    ) as r
    where r.dimension_id = 0 or r.dimension_id = any (v_dimensions)
    group by r.span, r.actor_id, r.dimension_id
  )
  select s.span, case folded_use_of_actors.dimension when 'user_id' then a.user_id::text
    else tally.dimension_value(folded_use_of_actors.dimension, d.provider, d.model, d.tool_name,
      d.operation, d.resource_type, d.service_tier, d.status, d.unit_type, d.is_byok, a.user_id,
      a.api_key_id) end,
    sum(s.request_count)::bigint, sum(s.input_tokens)::bigint, sum(s.output_tokens)::bigint,
    sum(s.cache_read_tokens)::bigint, sum(s.cache_write_tokens)::bigint,
    sum(s.reasoning_tokens)::bigint, sum(s.units), sum(s.cost_usd),
    sum(s.unpriced_count)::bigint, sum(s.duration_count)::bigint, sum(s.duration_ms)::bigint
  from summed as s
  left join tally.usage_dimensions as d
    on d.organization_id = folded_use_of_actors.organization_id
    and d.id = nullif(s.dimension_id, 0)
  join tally.usage_actors as a on a.organization_id = folded_use_of_actors.organization_id
    and a.id = s.actor_id
  group by 1, 2;
end;
$$;
comment on function tally.folded_use_of_actors(uuid, timestamptz[], tally.report_filter, text) is
  'Like tally.folded_use, by or of certain users or API keys.';
revoke execute on function tally.folded_use_of_actors(uuid, timestamptz[],
  tally.report_filter, text)
  from public, anon, authenticated;
