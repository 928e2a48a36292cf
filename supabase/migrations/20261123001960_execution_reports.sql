-- Reports of executions: per package, as a whole, and over time. Counted are the executions that
-- were asked for within the range, with all that they used, deleted ones included.

create function tally.read_package_filters(filters jsonb)
returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_lists jsonb := '{}'::jsonb;
  v_key text;
  v_value jsonb;
begin
  perform tally.check_filters(read_package_filters.filters, array['package_id', 'status']);
  for v_key, v_value in select f.key, f.value from jsonb_each(read_package_filters.filters) as f
    order by f.key loop
    if jsonb_typeof(v_value) = 'string' then
      v_value := jsonb_build_array(v_value);
    elsif jsonb_typeof(v_value) <> 'array'
      or jsonb_array_length(v_value) not between 1 and 1000 then
      perform tally.fail('PT400',
        format('filters.%s must be a text or a list of up to 1000 of them.', v_key),
        'filters.' || v_key);
    end if;
    v_lists := v_lists || jsonb_build_object(v_key, v_value);
  end loop;
  return v_lists;
end;
$$;
comment on function tally.read_package_filters(jsonb) is
  'Reads filters of reports of executions, {package_id, status: text or list}; raises PT400 for another key.';
revoke execute on function tally.read_package_filters(jsonb) from public, anon, authenticated;

create function tally.package_range(organization_id uuid, boundaries timestamptz[], filters jsonb)
returns table (
  span integer, package_id text, status text, execution_count bigint, queue_count bigint,
  queue_time_ms numeric, duration_count bigint, duration_ms numeric, request_count bigint,
  input_tokens bigint, output_tokens bigint, cost_usd numeric, unpriced_count bigint)
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = off
as $$
declare
  v_filters jsonb := tally.read_package_filters(package_range.filters);
  v_last timestamptz := package_range.boundaries[cardinality(package_range.boundaries)];
begin
  return query
  with pending as materialized (
    select p.* from tally.pending_moves(package_range.organization_id) as p
  ),
  rows (span, package_id, status, execution_count, queue_count, queue_time_ms, duration_count,
    duration_ms, request_count, input_tokens, output_tokens, cost_usd, unpriced_count) as (
    select g.span, r.package_id, r.status, g.sign * r.execution_count, g.sign * r.queue_count,
      g.sign * r.queue_time_ms, g.sign * r.duration_count, g.sign * r.duration_ms,
      g.sign * r.request_count, g.sign * r.input_tokens, g.sign * r.output_tokens,
      g.sign * r.cost_usd, g.sign * r.unpriced_count
    from tally.cut_range(package_range.boundaries, tally.rollup_levels('packages')) as c
    cross join lateral (values (c.span, 1), (c.minus_span, -1)) as g (span, sign)
    cross join lateral (
      select t.*
      from tally.package_rollups as t
      where t.organization_id = package_range.organization_id and t.minutes = c.minutes
        and t.bucket_start >= c.starts_at and t.bucket_start < c.ends_at
      offset 0
    ) as r
    where c.minutes > 0 and g.span is not null
    union all
    select width_bucket(p.bucket_start, package_range.boundaries), p.package_id, p.status,
      p.execution_count, p.queue_count, p.queue_time_ms, p.duration_count, p.duration_ms,
      p.request_count, p.input_tokens, p.output_tokens, p.cost_usd, p.unpriced_count
    from pending as p
    where p.bucket_start >= package_range.boundaries[1]
      and p.bucket_start + interval '15 minutes' <= v_last
    union all
    -- Quarters of an hour that the range cuts: the executions themselves.
    select c.span, x.package_id, x.status, 1, (x.queue_time_ms is not null)::integer,
      coalesce(x.queue_time_ms, 0), (x.duration_ms is not null)::integer,
      coalesce(x.duration_ms, 0), u.request_count, u.total_input_tokens, u.total_output_tokens,
      u.total_cost_usd, u.unpriced_count
    from tally.cut_range(package_range.boundaries, '{15}') as c
    cross join lateral (
      select e.*
      from public.executions as e
      where e.organization_id = package_range.organization_id
        and e.created_at >= c.starts_at and e.created_at < c.ends_at
      offset 0
    ) as x
    cross join lateral tally.usage_of_execution(x.organization_id, x.id) as u
    where c.minutes = 0
  )
  select r.span, r.package_id, r.status, sum(r.execution_count)::bigint, sum(r.queue_count)::bigint,
    sum(r.queue_time_ms), sum(r.duration_count)::bigint, sum(r.duration_ms),
    sum(r.request_count)::bigint, sum(r.input_tokens)::bigint, sum(r.output_tokens)::bigint,
    trim_scale(sum(r.cost_usd)), sum(r.unpriced_count)::bigint
  from rows as r
  where (v_filters -> 'package_id' is null or v_filters -> 'package_id' ? r.package_id)
    and (v_filters -> 'status' is null or v_filters -> 'status' ? r.status)
  group by r.span, r.package_id, r.status
  having sum(r.execution_count) > 0;
end;
$$;
comment on function tally.package_range(uuid, timestamptz[], jsonb) is
  'The executions that were asked for within the spans between moments, by package and status, with what they used: exact.';
revoke execute on function tally.package_range(uuid, timestamptz[], jsonb)
  from public, anon, authenticated;

create function tally.execution_statistics(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb, timezone text)
returns table (execution_count bigint, successful_count bigint, failed_count bigint,
  unfinished_count bigint, success_rate numeric, status_breakdown jsonb,
  average_queue_time_ms numeric, average_duration_ms numeric, request_count bigint,
  total_input_tokens bigint, total_output_tokens bigint, total_tokens bigint,
  total_cost_usd numeric, unpriced_count bigint)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
begin
  perform tally.check_report(execution_statistics.organization_id, execution_statistics.starts_at,
    execution_statistics.ends_at, execution_statistics.timezone);
  return query
  with p as materialized (
    select r.*
    from tally.package_range(execution_statistics.organization_id,
      array[execution_statistics.starts_at, execution_statistics.ends_at],
      execution_statistics.filters) as r
  )
  select
      coalesce(sum(p.execution_count), 0)::bigint,
      coalesce(sum(p.execution_count) filter (where p.status = 'success'), 0)::bigint,
      coalesce(sum(p.execution_count) filter (where p.status in ('failed', 'timeout', 'aborted')),
        0)::bigint,
      coalesce(sum(p.execution_count) filter (where p.status in ('queued', 'running')), 0)::bigint,
      round(100 * coalesce(sum(p.execution_count) filter (where p.status = 'success'), 0)
        / nullif(sum(p.execution_count) filter (where p.status not in ('queued', 'running')), 0),
          2),
      coalesce((
        select jsonb_object_agg(b.status, b.executions)
        from (select q.status, sum(q.execution_count) as executions from p as q
          group by q.status) as b
      ), '{}'),
      round(sum(p.queue_time_ms) / nullif(sum(p.queue_count), 0), 1),
      round(sum(p.duration_ms) / nullif(sum(p.duration_count), 0), 1),
      coalesce(sum(p.request_count), 0)::bigint, coalesce(sum(p.input_tokens), 0)::bigint,
      coalesce(sum(p.output_tokens), 0)::bigint,
      coalesce(sum(p.input_tokens + p.output_tokens), 0)::bigint,
      trim_scale(coalesce(sum(p.cost_usd), 0)), coalesce(sum(p.unpriced_count), 0)::bigint
  from p;
end;
$$;
comment on function tally.execution_statistics(uuid, timestamptz, timestamptz, jsonb, text) is
  'Behind public.execution_statistics.';
revoke execute on function tally.execution_statistics(uuid, timestamptz, timestamptz, jsonb, text)
  from public, anon, authenticated;
grant execute on function tally.execution_statistics(uuid, timestamptz, timestamptz, jsonb, text)
  to authenticated, service_role;

create function public.execution_statistics(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb default '{}',
  timezone text default null)
returns table (execution_count bigint, successful_count bigint, failed_count bigint,
  unfinished_count bigint, success_rate numeric, status_breakdown jsonb,
  average_queue_time_ms numeric, average_duration_ms numeric, request_count bigint,
  total_input_tokens bigint, total_output_tokens bigint, total_tokens bigint,
  total_cost_usd numeric, unpriced_count bigint)
language sql stable security invoker set search_path = ''
as $$
  select r.*
  from tally.execution_statistics(execution_statistics.organization_id,
    execution_statistics.starts_at, execution_statistics.ends_at, execution_statistics.filters,
    execution_statistics.timezone) as r
$$;
comment on function public.execution_statistics(uuid, timestamptz, timestamptz, jsonb, text) is
  'The executions that were asked for within a range: how many, how they ended, success_rate in percent of those that ended, average times, and all that they used, whenever. Deleted ones are counted. filters: package_id, status. Errors: PT400, PT403.';
revoke execute on function public.execution_statistics(uuid, timestamptz, timestamptz, jsonb, text)
  from public, anon, authenticated;
grant execute on function public.execution_statistics(uuid, timestamptz, timestamptz, jsonb, text)
  to authenticated, service_role;

create function tally.top_packages(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb, timezone text,
  max_rows integer)
returns table (package_id text, package_name text, execution_count bigint, successful_count bigint,
  failed_count bigint, unfinished_count bigint, success_rate numeric, status_breakdown jsonb,
  average_queue_time_ms numeric, average_duration_ms numeric, request_count bigint,
  total_input_tokens bigint, total_output_tokens bigint, total_tokens bigint,
  total_cost_usd numeric, unpriced_count bigint, percent_of_cost numeric)
language plpgsql stable security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  perform tally.check_report(top_packages.organization_id, top_packages.starts_at,
    top_packages.ends_at, top_packages.timezone);
  perform tally.check_max_rows(top_packages.max_rows);
  return query
  select t.*
  from (
    select p.package_id,
      (
        select x.package_name
        from public.executions as x
        where x.organization_id = top_packages.organization_id and x.package_id = p.package_id
        order by x.created_at desc, x.id desc
        limit 1
      ),
      coalesce(sum(p.execution_count), 0)::bigint,
      coalesce(sum(p.execution_count) filter (where p.status = 'success'), 0)::bigint,
      coalesce(sum(p.execution_count) filter (where p.status in ('failed', 'timeout', 'aborted')),
        0)::bigint,
      coalesce(sum(p.execution_count) filter (where p.status in ('queued', 'running')), 0)::bigint,
      round(100 * coalesce(sum(p.execution_count) filter (where p.status = 'success'), 0)
        / nullif(sum(p.execution_count) filter (where p.status not in ('queued', 'running')), 0),
          2),
      jsonb_object_agg(p.status, p.execution_count),
      round(sum(p.queue_time_ms) / nullif(sum(p.queue_count), 0), 1),
      round(sum(p.duration_ms) / nullif(sum(p.duration_count), 0), 1),
      coalesce(sum(p.request_count), 0)::bigint, coalesce(sum(p.input_tokens), 0)::bigint,
      coalesce(sum(p.output_tokens), 0)::bigint,
      coalesce(sum(p.input_tokens + p.output_tokens), 0)::bigint,
      trim_scale(coalesce(sum(p.cost_usd), 0)), coalesce(sum(p.unpriced_count), 0)::bigint,
      round(100 * sum(p.cost_usd) / nullif(sum(sum(p.cost_usd)) over (), 0), 2)
    from tally.package_range(top_packages.organization_id,
      array[top_packages.starts_at, top_packages.ends_at], top_packages.filters) as p
    group by p.package_id
    order by sum(p.cost_usd) desc, sum(p.execution_count) desc, p.package_id
  ) as t
  limit top_packages.max_rows;
end;
$$;
comment on function tally.top_packages(uuid, timestamptz, timestamptz, jsonb, text, integer) is
  'Behind public.top_packages.';
revoke execute on function tally.top_packages(uuid, timestamptz, timestamptz, jsonb, text, integer)
  from public, anon, authenticated;
grant execute on function tally.top_packages(uuid, timestamptz, timestamptz, jsonb, text, integer)
  to authenticated, service_role;

create function public.top_packages(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb default '{}',
  timezone text default null, max_rows integer default 10)
returns table (package_id text, package_name text, execution_count bigint, successful_count bigint,
  failed_count bigint, unfinished_count bigint, success_rate numeric, status_breakdown jsonb,
  average_queue_time_ms numeric, average_duration_ms numeric, request_count bigint,
  total_input_tokens bigint, total_output_tokens bigint, total_tokens bigint,
  total_cost_usd numeric, unpriced_count bigint, percent_of_cost numeric)
language sql stable security invoker set search_path = ''
as $$
  select r.*
  from tally.top_packages(top_packages.organization_id, top_packages.starts_at,
    top_packages.ends_at, top_packages.filters, top_packages.timezone, top_packages.max_rows) as r
$$;
comment on function public.top_packages(uuid, timestamptz, timestamptz, jsonb, text, integer) is
  'The same for each package, dearest first, under its latest name. percent_of_cost is of all packages. Errors: PT400, PT403.';
revoke execute on function public.top_packages(uuid, timestamptz, timestamptz, jsonb, text, integer)
  from public, anon, authenticated;
grant execute on function public.top_packages(uuid, timestamptz, timestamptz, jsonb, text, integer)
  to authenticated, service_role;

create function tally.execution_timeseries(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb,
  timezone text, bucket text)
returns table (bucket_start timestamptz, bucket_end timestamptz, local_start timestamp,
  execution_count bigint, successful_count bigint, failed_count bigint, unfinished_count bigint,
  success_rate numeric, average_queue_time_ms numeric, average_duration_ms numeric,
  request_count bigint, total_input_tokens bigint, total_output_tokens bigint, total_tokens bigint,
  total_cost_usd numeric, unpriced_count bigint)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_timezone text;
  v_bounds timestamptz[];
begin
  v_timezone := tally.check_report(execution_timeseries.organization_id,
    execution_timeseries.starts_at, execution_timeseries.ends_at, execution_timeseries.timezone);
  v_bounds := tally.bucket_boundaries(execution_timeseries.starts_at, execution_timeseries.ends_at,
    execution_timeseries.bucket, v_timezone);
  return query
    select v_bounds[n], v_bounds[n + 1], v_bounds[n] at time zone v_timezone,
      coalesce(sum(p.execution_count), 0)::bigint,
      coalesce(sum(p.execution_count) filter (where p.status = 'success'), 0)::bigint,
      coalesce(sum(p.execution_count) filter (where p.status in ('failed', 'timeout', 'aborted')),
        0)::bigint,
      coalesce(sum(p.execution_count) filter (where p.status in ('queued', 'running')), 0)::bigint,
      round(100 * coalesce(sum(p.execution_count) filter (where p.status = 'success'), 0)
        / nullif(sum(p.execution_count) filter (where p.status not in ('queued', 'running')), 0),
          2),
      round(sum(p.queue_time_ms) / nullif(sum(p.queue_count), 0), 1),
      round(sum(p.duration_ms) / nullif(sum(p.duration_count), 0), 1),
      coalesce(sum(p.request_count), 0)::bigint, coalesce(sum(p.input_tokens), 0)::bigint,
      coalesce(sum(p.output_tokens), 0)::bigint,
      coalesce(sum(p.input_tokens + p.output_tokens), 0)::bigint,
      trim_scale(coalesce(sum(p.cost_usd), 0)), coalesce(sum(p.unpriced_count), 0)::bigint
    from generate_series(1, cardinality(v_bounds) - 1) as n
    left join tally.package_range(execution_timeseries.organization_id, v_bounds,
      execution_timeseries.filters) as p
      on p.span = n
    group by n
    order by n;
end;
$$;
comment on function tally.execution_timeseries(uuid, timestamptz, timestamptz, jsonb, text, text) is
  'Behind public.execution_timeseries.';
revoke execute on function tally.execution_timeseries(uuid, timestamptz, timestamptz,
  jsonb, text, text)
  from public, anon, authenticated;
grant execute on function tally.execution_timeseries(uuid, timestamptz, timestamptz,
  jsonb, text, text)
  to authenticated, service_role;

create function public.execution_timeseries(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb default '{}',
  timezone text default null, bucket text default 'day')
returns table (bucket_start timestamptz, bucket_end timestamptz, local_start timestamp,
  execution_count bigint, successful_count bigint, failed_count bigint, unfinished_count bigint,
  success_rate numeric, average_queue_time_ms numeric, average_duration_ms numeric,
  request_count bigint, total_input_tokens bigint, total_output_tokens bigint, total_tokens bigint,
  total_cost_usd numeric, unpriced_count bigint)
language sql stable security invoker set search_path = ''
as $$
  select r.*
  from tally.execution_timeseries(execution_timeseries.organization_id,
    execution_timeseries.starts_at, execution_timeseries.ends_at, execution_timeseries.filters,
    execution_timeseries.timezone, execution_timeseries.bucket) as r
$$;
comment on function public.execution_timeseries(uuid, timestamptz, timestamptz, jsonb,
  text, text) is
  'Executions by bucket of a timezone, success and failure apart, empty buckets included: see usage_timeseries and execution_statistics. Errors: PT400, PT403.';
revoke execute on function public.execution_timeseries(uuid, timestamptz, timestamptz,
  jsonb, text, text)
  from public, anon, authenticated;
grant execute on function public.execution_timeseries(uuid, timestamptz, timestamptz,
  jsonb, text, text)
  to authenticated, service_role;
