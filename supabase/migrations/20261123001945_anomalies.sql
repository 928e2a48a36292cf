-- Anomalies: hours whose cost stands out from what is usual at that time of day.

create function tally.hourly_costs(organization_id uuid, starts_at timestamptz, ends_at timestamptz,
  filters jsonb)
returns table (hour timestamptz, dimension text, value text, cost_usd numeric)
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = off
  set enable_nestloop = off set enable_mergejoin = off set work_mem = '32MB'
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
  with folded as materialized (
    select date_bin('1 hour', r.bucket_start, v_first) as hour, r.dimension_id, r.cost_usd
    from tally.usage_rollups as r
    where r.organization_id = hourly_costs.organization_id and r.actor_id = 0
      and r.minutes = v_minutes
      and r.bucket_start >= v_first and r.bucket_start < v_last
      and (v_all and r.dimension_id <> 0 or r.dimension_id + 0 = any (v_dimensions))
  )
  select n.hour,
    case grouping(n.model, n.tool_name) when 3 then 'organization' when 1 then 'model'
      else 'tool_name' end,
    case grouping(n.model, n.tool_name) when 1 then n.model when 2 then n.tool_name end,
    tally.add_up(n.cost_usd)
  from (
    select f.hour, d.model, d.tool_name, f.cost_usd
    from folded as f
    join (
      select i.* from tally.usage_dimensions as i
      where i.organization_id = hourly_costs.organization_id
    ) as d on d.id = f.dimension_id
    union all
    select date_bin('1 hour', p.bucket_start, v_first), p.model, p.tool_name, p.cost_usd
    from tally.pending_buckets as p
    where p.organization_id = hourly_costs.organization_id and p.bucket_start >= v_first
      and p.bucket_start < v_last
      and tally.passes(v_filter, p.provider, p.model, p.tool_name, p.operation, p.resource_type,
        p.service_tier, p.status, p.unit_type, p.is_byok)
  ) as n
  group by grouping sets ((n.hour), (n.hour, n.model), (n.hour, n.tool_name));
end;
$$;
comment on function tally.hourly_costs(uuid, timestamptz, timestamptz, jsonb) is
  'Cost by hour of an organization, of each of its models and of each of its tools; hours without are not there.';
revoke execute on function tally.hourly_costs(uuid, timestamptz, timestamptz, jsonb)
  from public, anon, authenticated;

create function tally.cost_series(organization_id uuid, starts_at timestamptz, ends_at timestamptz,
  filters jsonb)
returns table (series bigint, dimension text, value text, hour timestamptz, cost_usd numeric)
language plpgsql stable security definer set search_path = '' set jit = off
  set enable_mergejoin = off
as $$
begin
  return query
  with used as materialized (
    select u.*
    from tally.hourly_costs(cost_series.organization_id, cost_series.starts_at, cost_series.ends_at,
      cost_series.filters) as u
  ),
  -- A series begins with its first use: nothing is unusual about the time before.
  begun as (
    select row_number() over () as series, u.dimension, u.value, min(u.hour) as hour
    from used as u
    group by u.dimension, u.value
  ),
  hours as (
    select b.series, b.dimension, b.value, n.hour
    from begun as b
    cross join lateral generate_series(b.hour, cost_series.ends_at - interval '1 hour',
      interval '1 hour') as n (hour)
  )
  select h.series, h.dimension, h.value, h.hour, coalesce(u.cost_usd, 0)
  from hours as h
  left join used as u on u.hour = h.hour and u.dimension = h.dimension
    and u.value is not distinct from h.value;
end;
$$;
comment on function tally.cost_series(uuid, timestamptz, timestamptz, jsonb) is
  'Cost by hour of an organization, of each of its models and of each of its tools, from the first use of each on.';
revoke execute on function tally.cost_series(uuid, timestamptz, timestamptz, jsonb)
  from public, anon, authenticated;

create function tally.scored_hours(organization_id uuid, starts_at timestamptz, ends_at timestamptz,
  filters jsonb, timezone text)
returns table (hour timestamptz, dimension text, value text, cost_usd numeric,
  average numeric, middle double precision, difference double precision, spread double precision)
language plpgsql stable security definer set search_path = '' set jit = off
  set enable_nestloop = off set enable_mergejoin = off
as $$
#variable_conflict use_column
begin
  return query
  with hours as materialized (
    select h.* from tally.cost_series(scored_hours.organization_id, scored_hours.starts_at,
      scored_hours.ends_at, scored_hours.filters) as h
  ),
  series as materialized (
    select h.series, h.dimension, h.value, count(*) as hours, avg(h.cost_usd) as average,
      2 * count(*) filter (where h.cost_usd > 0) < count(*) as is_rare,
      count(*) >= 72 and count(*) filter (where h.cost_usd > 0) >= 24 as is_known
    from hours as h
    group by h.series, h.dimension, h.value
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
    select h.series, h.hour, h.cost_usd, sqrt(h.cost_usd::double precision) as root, case
      when s.is_rare then 0
      when s.hours < 336 then l.of_day
      else l.of_day + case when l.weekday > 5 then 24 else 0 end
    end as like_hours
    from hours as h
    join series as s on s.series = h.series
    join clock as l on l.hour = h.hour
    where s.is_known and (h.cost_usd > 0 or not s.is_rare)
  ),
  middles as materialized (
    select g.series, g.like_hours, percentile_cont(0.5) within group (order by g.root) as middle
    from grouped as g
    group by g.series, g.like_hours
  ),
  differences as materialized (
    select g.series, g.hour, g.cost_usd, m.middle, g.root - m.middle as difference
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
  select d.hour, s.dimension, s.value, d.cost_usd, (
      select o.average from series as o where o.dimension = 'organization'
    ), d.middle, d.difference, p.spread
  from differences as d
  join spreads as p on p.series = d.series
  join series as s on s.series = d.series;
end;
$$;
comment on function tally.scored_hours(uuid, timestamptz, timestamptz, jsonb, text) is
  'How far the square root of each hour''s cost is from the middle of the hours like it, beside how far they all are; average is the mean cost of an hour of the organization. Series that are too short or too sparse are left out.';
revoke execute on function tally.scored_hours(uuid, timestamptz, timestamptz, jsonb, text)
  from public, anon, authenticated;

create function tally.usage_anomalies(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb, timezone text,
  threshold numeric, max_rows integer)
returns table (bucket_start timestamptz, bucket_end timestamptz, local_start timestamp,
  dimension text, value text, total_cost_usd numeric, expected_cost_usd numeric, score numeric,
  direction text)
language plpgsql stable security definer set search_path = '' set jit = off
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
    h.cost_usd, trim_scale(round((h.middle * h.middle)::numeric, 6)),
    round((h.difference / h.spread)::numeric, 2), case when h.difference > 0 then 'high'
      else 'low' end
  from tally.scored_hours(usage_anomalies.organization_id, v_from, v_last,
    usage_anomalies.filters, v_timezone) as h
  where h.hour >= v_first and h.spread > 0
    and abs(h.difference / h.spread) >= usage_anomalies.threshold
    -- A difference of pennies is no anomaly of an organization that spends dollars.
    and abs(h.cost_usd::double precision - h.middle * h.middle)
      >= h.average::double precision / 2
    -- The running hour can be too dear already, too cheap it cannot be yet.
    and (h.difference > 0 or h.hour + interval '1 hour' <= least(usage_anomalies.ends_at, now()))
  order by abs(h.difference / h.spread) desc, h.hour, h.dimension, h.value
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
