-- Anomalies: hours whose cost stands out from what is usual at that time of day.

create function tally.hourly_costs(organization_id uuid, starts_at timestamptz, ends_at timestamptz,
  filters jsonb)
returns table (series integer, dimension text, value text, hour timestamptz, cost_usd numeric)
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = off
  set enable_nestloop = off set enable_mergejoin = off set enable_bitmapscan = off
  set enable_sort = off set work_mem = '32MB' set plan_cache_mode = force_generic_plan
as $$
declare
  v_filter tally.report_filter := tally.read_filters(hourly_costs.filters);
  v_dimensions bigint[] := tally.passing_dimensions(hourly_costs.organization_id, v_filter);
  v_all boolean := not tally.has_conditions(v_filter);
  v_levels integer[] := tally.rollup_levels('dimensions');
  v_first timestamptz := hourly_costs.starts_at;
  v_last timestamptz := hourly_costs.ends_at;
  -- Hours of a timezone that is off by half an hour are no hours of the rollup.
  v_minutes integer :=
    case when 60 = any (v_levels) and v_first = date_bin('1 hour', v_first, timestamptz 'epoch')
    then 60 else 15 end;
begin
  if hourly_costs.filters ?| array['user_id', 'api_key_id'] then
    perform tally.fail('PT400', 'Anomalies cannot be limited to users or API keys.', 'filters',
      'Use usage_timeseries for one of them.');
  end if;
  return query
  with pending as materialized (
    select date_bin('1 hour', p.bucket_start, v_first) as hour, p.model, p.tool_name, p.cost_usd
    from tally.pending_buckets as p
    where p.organization_id = hourly_costs.organization_id and p.bucket_start >= v_first
      and p.bucket_start < v_last
      and (v_all or tally.passes(v_filter, p.provider, p.model, p.tool_name, p.operation,
        p.resource_type, p.service_tier, p.status, p.unit_type, p.is_byok))
  ),
  dimensions as materialized (
    select d.id, d.model, d.tool_name
    from tally.usage_dimensions as d
    where d.organization_id = hourly_costs.organization_id
  ),
  -- Sums go by numbers: names take longer to compare.
  names as materialized (
    select row_number() over ()::integer as series, n.dimension, n.value
    from (
      select 'organization' as dimension, null as value
      union
      select 'model', d.model from dimensions as d
      union
      select 'tool_name', d.tool_name from dimensions as d
      union
      select v.dimension, v.value
      from pending as p
      cross join lateral (values ('model', p.model), ('tool_name', p.tool_name))
        as v (dimension, value)
    ) as n
  ),
  costs as (
    select f.hour, d.model_series, d.tool_series, f.cost_usd
    from (
      select case v_minutes when 60 then r.bucket_start
        else date_bin('1 hour', r.bucket_start, v_first) end as hour, r.dimension_id, r.cost_usd
      from tally.usage_rollups as r
      where r.organization_id = hourly_costs.organization_id and r.actor_id = 0
        and r.minutes = v_minutes
        and r.bucket_start >= v_first and r.bucket_start < v_last
        and (v_all and r.dimension_id <> 0 or r.dimension_id + 0 = any (v_dimensions))
      offset 0
    ) as f
    join (
      select i.id, m.series as model_series, t.series as tool_series
      from dimensions as i
      join names as m on m.dimension = 'model' and m.value = i.model
      join names as t on t.dimension = 'tool_name' and t.value is not distinct from i.tool_name
      offset 0
    ) as d on d.id = f.dimension_id
    union all
    select p.hour, m.series, t.series, p.cost_usd
    from pending as p
    join names as m on m.dimension = 'model' and m.value = p.model
    join names as t on t.dimension = 'tool_name' and t.value is not distinct from p.tool_name
  )
  select n.series, n.dimension, n.value, u.hour, u.cost_usd
  from (
    select coalesce(c.model_series, c.tool_series) as series, c.hour,
      sum(c.cost_usd) as cost_usd
    from costs as c
    group by grouping sets ((c.hour), (c.hour, c.model_series), (c.hour, c.tool_series))
    offset 0
  ) as u
  join names as n
    on n.series = coalesce(u.series, (select o.series from names as o where o.value is null
      and o.dimension = 'organization'));
end;
$$;
comment on function tally.hourly_costs(uuid, timestamptz, timestamptz, jsonb) is
  'Cost by hour of an organization, of each of its models and of each of its tools; hours without are not there.';
revoke execute on function tally.hourly_costs(uuid, timestamptz, timestamptz, jsonb)
  from public, anon, authenticated;

create function tally.scored_hours(organization_id uuid, starts_at timestamptz, ends_at timestamptz,
  filters jsonb, timezone text, threshold numeric)
returns table (hour timestamptz, dimension text, value text, cost_usd numeric,
  average numeric, middle double precision, score double precision)
language plpgsql stable security definer set search_path = '' set jit = off
  set enable_nestloop = off set enable_mergejoin = off
  set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
  with used as materialized (
    select u.*, sqrt(u.cost_usd::double precision) as root
    from tally.hourly_costs(scored_hours.organization_id, scored_hours.starts_at,
      scored_hours.ends_at, scored_hours.filters) as u
  ),
  -- A series begins with its first use: nothing is unusual about the time before.
  series as materialized (
    select b.*, 2 * b.hours_used < b.hours as is_rare
    from (
      select u.series, u.dimension, u.value, min(u.hour) as first_hour,
        extract(epoch from scored_hours.ends_at - min(u.hour)) / 3600 as hours,
        count(*) filter (where u.cost_usd > 0) as hours_used, sum(u.cost_usd) as cost_usd
      from used as u
      group by u.series, u.dimension, u.value
    ) as b
  ),
  clock as materialized (
    select n.hour, extract(hour from l.shown)::integer as of_day,
      extract(isodow from l.shown)::integer as weekday
    from generate_series(scored_hours.starts_at, scored_hours.ends_at - interval '1 hour',
      interval '1 hour') as n (hour)
    cross join lateral (select n.hour at time zone scored_hours.timezone as shown) as l
  ),
  -- Compared is with the same hour of other days; of what is used in few hours only, with those.
  grouped as materialized (
    select s.series, l.hour, coalesce(c.root, 0) as root, case
        when s.is_rare then 0
        when s.hours < 336 then l.of_day
        else l.of_day + case when l.weekday > 5 then 24 else 0 end
      end as like_hours
    from series as s
    join clock as l on l.hour >= s.first_hour
    left join used as c on c.series = s.series and c.hour = l.hour
    where s.hours >= 72 and s.hours_used >= 24 and (c.root > 0 or not s.is_rare)
  ),
  middles as materialized (
    select g.series, g.like_hours, percentile_cont(0.5) within group (order by g.root) as middle
    from grouped as g
    group by g.series, g.like_hours
  ),
  differences as materialized (
    select g.series, g.hour, m.middle, g.root - m.middle as difference
    from grouped as g
    join middles as m on m.series = g.series and m.like_hours = g.like_hours
  ),
  spreads as materialized (
    select d.series, greatest(
      1.4826 * percentile_cont(0.5) within group (order by abs(d.difference)),
        1.2533 * avg(abs(d.difference)) / 2) as spread
    from differences as d
    group by d.series
  )
  select d.hour, s.dimension, s.value, coalesce(u.cost_usd, 0), (
      select o.cost_usd / o.hours from series as o where o.dimension = 'organization'
    ), d.middle, d.difference / p.spread
  from spreads as p
  join differences as d on d.series = p.series
    and abs(d.difference / nullif(p.spread, 0)) >= scored_hours.threshold
  join series as s on s.series = p.series
  left join used as u on u.series = d.series and u.hour = d.hour
  where p.spread > 0;
end;
$$;
comment on function tally.scored_hours(uuid, timestamptz, timestamptz, jsonb, text, numeric) is
  'The hours the square root of whose cost is away from the middle of the hours like it by so many times what is usual; average is the mean cost of an hour of the organization. Series that are too short or too sparse are left out.';
revoke execute on function tally.scored_hours(uuid, timestamptz, timestamptz, jsonb, text, numeric)
  from public, anon, authenticated;

create function tally.usage_anomalies(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb, timezone text,
  threshold numeric, max_rows integer)
returns table (bucket_start timestamptz, bucket_end timestamptz, local_start timestamp,
  dimension text, value text, total_cost_usd numeric, expected_cost_usd numeric, score numeric,
  direction text)
language plpgsql stable security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_timezone text;
  v_first timestamptz;
  v_last timestamptz;
  v_from timestamptz;
begin
  v_timezone := tally.check_report(usage_anomalies.organization_id, usage_anomalies.starts_at,
    usage_anomalies.ends_at,
    usage_anomalies.timezone);
  perform tally.check_max_rows(usage_anomalies.max_rows);
  if usage_anomalies.threshold is null or usage_anomalies.threshold not between 1 and 1000 then
    perform tally.fail('PT400', 'threshold must be from 1 to 1000.', 'threshold');
  end if;
  v_first := date_trunc('hour', usage_anomalies.starts_at, v_timezone);
  v_last := date_trunc('hour', least(usage_anomalies.ends_at,
    now()) + interval '1 hour' - interval '1 microsecond', v_timezone);
  if v_first >= v_last then
    return;
  elsif v_last > v_first + interval '100 days' then
    perform tally.fail('PT400', 'Anomalies may be looked for in at most 100 days.',
      'starts_at, ends_at');
  end if;
  -- What is usual takes two weeks to know: those of the range, or before it what it lacks of them.
  v_from := least(v_first, v_last - interval '14 days');
  return query
  select h.hour, h.hour + interval '1 hour', h.hour at time zone v_timezone, h.dimension, h.value,
    h.cost_usd, trim_scale(round((h.middle * h.middle)::numeric, 6)), round(h.score::numeric, 2),
    case when h.score > 0 then 'high' else 'low' end
  from tally.scored_hours(usage_anomalies.organization_id, v_from, v_last,
    usage_anomalies.filters, v_timezone, usage_anomalies.threshold) as h
  where h.hour >= v_first
    -- A difference of pennies is no anomaly of an organization that spends dollars.
    and abs(h.cost_usd::double precision - h.middle * h.middle)
      >= h.average::double precision / 2
    -- The running hour can be too dear already, too cheap it cannot be yet.
    and (h.score > 0 or h.hour + interval '1 hour' <= least(usage_anomalies.ends_at, now()))
  order by abs(h.score) desc, h.hour, h.dimension, h.value
  limit usage_anomalies.max_rows;
end;
$$;
comment on function tally.usage_anomalies(uuid, timestamptz, timestamptz, jsonb, text,
  numeric, integer) is
  'Behind public.usage_anomalies.';
revoke execute on function tally.usage_anomalies(uuid, timestamptz, timestamptz, jsonb, text,
  numeric, integer)
  from public, anon, authenticated;
grant execute on function tally.usage_anomalies(uuid, timestamptz, timestamptz, jsonb, text,
  numeric, integer)
  to authenticated, service_role;

create function public.usage_anomalies(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb default '{}',
  timezone text default null, threshold numeric default 4, max_rows integer default 100)
returns table (bucket_start timestamptz, bucket_end timestamptz, local_start timestamp,
  dimension text, value text, total_cost_usd numeric, expected_cost_usd numeric, score numeric,
  direction text)
language sql stable security invoker set search_path = ''
as $$
  select r.*
  from tally.usage_anomalies(usage_anomalies.organization_id, usage_anomalies.starts_at,
    usage_anomalies.ends_at, usage_anomalies.filters, usage_anomalies.timezone,
    usage_anomalies.threshold, usage_anomalies.max_rows) as r
$$;
comment on function public.usage_anomalies(uuid, timestamptz, timestamptz, jsonb, text,
  numeric, integer) is
  'Hours whose cost stands out, for the organization, a model or a tool (dimension, value), the most striking first. score is a robust z-score: how many standard deviations, by medians over the range, begun earlier where it is shorter than two weeks, the square root of the cost is away from that of the same hour of other days (weekends apart once there are two weeks). From the third day of use on. Errors: PT400, PT403.';
revoke execute on function public.usage_anomalies(uuid, timestamptz, timestamptz, jsonb, text,
  numeric, integer)
  from public, anon, authenticated;
grant execute on function public.usage_anomalies(uuid, timestamptz, timestamptz, jsonb, text,
  numeric, integer)
  to authenticated, service_role;
