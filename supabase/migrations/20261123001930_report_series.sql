-- Reports over time: series, trends, peaks.

create function tally.measure_of(use tally.span_use, measure text)
returns numeric
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  case measure_of.measure
    when 'request_count' then return coalesce((measure_of.use).request_count, 0);
    when 'total_input_tokens' then return coalesce((measure_of.use).input_tokens, 0);
    when 'total_output_tokens' then return coalesce((measure_of.use).output_tokens, 0);
    when 'total_tokens'
      then return coalesce((measure_of.use).input_tokens + (measure_of.use).output_tokens, 0);
    when 'total_cost_usd' then return coalesce((measure_of.use).cost_usd, 0);
    else
      perform tally.fail('PT400', format('There is no measure %L.', measure_of.measure), 'measure',
        'Use request_count, total_input_tokens, total_output_tokens, total_tokens or total_cost_usd.');
  end case;
  return null;
end;
$$;
comment on function tally.measure_of(tally.span_use, text) is
  'One measure of a use by its name in usage_summary; raises PT400 for another name.';
revoke execute on function tally.measure_of(tally.span_use, text) from public, anon, authenticated;

create type tally.series_row as (
  bucket_start timestamptz,
  bucket_end timestamptz,
  local_start timestamp,
  dimension text,
  use tally.span_use
);
comment on type tally.series_row is 'A bucket of a series; use is null where there was none.';

create function tally.read_series(
  organization_id uuid, boundaries timestamptz[], filters jsonb, timezone text, dimension text)
returns setof tally.series_row
language plpgsql stable security definer set search_path = '' set jit = off
as $$
begin
  return query
  with used as materialized (
    select u
    from tally.usage_range(read_series.organization_id, read_series.boundaries, read_series.filters,
      read_series.dimension) as u
  ),
  named as (
    select distinct (n.u).dimension as label from used as n
    union
    select null where read_series.dimension is null
  )
  select read_series.boundaries[n], read_series.boundaries[n + 1],
    read_series.boundaries[n] at time zone read_series.timezone, v.label, s.u
  from generate_series(1, cardinality(read_series.boundaries) - 1) as n
  cross join named as v
  left join used as s on (s.u).span = n and (s.u).dimension is not distinct from v.label
  order by n, v.label;
end;
$$;
comment on function tally.read_series(uuid, timestamptz[], jsonb, text, text) is
  'Every bucket between moments, empty ones too; with a dimension, once for each value that it has anywhere among them.';
revoke execute on function tally.read_series(uuid, timestamptz[], jsonb, text, text)
  from public, anon, authenticated;

create function tally.whole_bucket(at timestamptz, bucket text, timezone text)
returns timestamptz[]
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_step interval := case whole_bucket.bucket
    when '15_minutes' then interval '15 minutes' when 'hour' then interval '1 hour'
      when 'day' then interval '1 day'
    when 'week' then interval '7 days' when 'month' then interval '1 month'
      else interval '1 year' end;
  v_start timestamptz;
  v_local timestamp;
begin
  if whole_bucket.bucket in ('15_minutes', 'hour') then
    v_start := case whole_bucket.bucket
      when 'hour' then date_trunc('hour', whole_bucket.at, whole_bucket.timezone)
      else date_bin('15 minutes', whole_bucket.at, timestamptz 'epoch')
    end;
    return array[v_start, v_start + v_step];
  end if;
  v_local := date_trunc(whole_bucket.bucket, whole_bucket.at at time zone whole_bucket.timezone);
  return array[tally.local_moment(v_local, whole_bucket.timezone),
    tally.local_moment(v_local + v_step, whole_bucket.timezone)];
end;
$$;
comment on function tally.whole_bucket(timestamptz, text, text) is
  'The start and the end of the bucket that holds a moment.';
revoke execute on function tally.whole_bucket(timestamptz, text, text)
  from public, anon, authenticated;

create function tally.usage_timeseries(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb,
  timezone text, bucket text, by text)
returns table (bucket_start timestamptz, bucket_end timestamptz, local_start timestamp,
  dimension text, request_count bigint, total_input_tokens bigint, total_output_tokens bigint,
  total_tokens bigint, total_cost_usd numeric, total_units numeric, unpriced_count bigint,
  average_duration_ms numeric)
language plpgsql stable security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_timezone text;
begin
  v_timezone := tally.check_report(usage_timeseries.organization_id, usage_timeseries.starts_at,
    usage_timeseries.ends_at, usage_timeseries.timezone);
  if usage_timeseries.by in ('user_id', 'api_key_id') then
    perform tally.require_admin(usage_timeseries.organization_id);
  end if;
  return query
  select s.bucket_start, s.bucket_end, s.local_start, s.dimension,
    coalesce((s.use).request_count, 0), coalesce((s.use).input_tokens, 0),
    coalesce((s.use).output_tokens, 0), coalesce((s.use).input_tokens + (s.use).output_tokens, 0),
    coalesce((s.use).cost_usd, 0), coalesce((s.use).units, 0), coalesce((s.use).unpriced_count, 0),
    round((s.use).duration_ms::numeric / nullif((s.use).duration_count, 0), 1)
  from tally.read_series(usage_timeseries.organization_id,
    tally.bucket_boundaries(usage_timeseries.starts_at,
    usage_timeseries.ends_at, usage_timeseries.bucket, v_timezone),
      usage_timeseries.filters, v_timezone,
    usage_timeseries.by) as s;
end;
$$;
comment on function tally.usage_timeseries(uuid, timestamptz, timestamptz, jsonb, text,
  text, text) is
  'Behind public.usage_timeseries.';
revoke execute on function tally.usage_timeseries(uuid, timestamptz, timestamptz, jsonb,
  text, text, text)
  from public, anon, authenticated;
grant execute on function tally.usage_timeseries(uuid, timestamptz, timestamptz, jsonb,
  text, text, text)
  to authenticated, service_role;

create function public.usage_timeseries(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb default '{}',
  timezone text default null, bucket text default 'day', dimension text default null)
returns table (bucket_start timestamptz, bucket_end timestamptz, local_start timestamp,
  dimension text, request_count bigint, total_input_tokens bigint, total_output_tokens bigint,
  total_tokens bigint, total_cost_usd numeric, total_units numeric, unpriced_count bigint,
  average_duration_ms numeric)
language sql stable security invoker set search_path = ''
as $$
  select r.*
  from tally.usage_timeseries(usage_timeseries.organization_id, usage_timeseries.starts_at,
    usage_timeseries.ends_at, usage_timeseries.filters, usage_timeseries.timezone,
    usage_timeseries.bucket, usage_timeseries.dimension) as r
$$;
comment on function public.usage_timeseries(uuid, timestamptz, timestamptz, jsonb, text,
  text, text) is
  'Use by bucket (15_minutes, hour, day, week from Monday, month, year) of a timezone, the organizations own by default; empty buckets are there, the first and the last end where the range does, so that all together are exactly usage_totals. local_start is bucket_start on the clocks of that timezone. With a dimension: one row for each of its values in each bucket. Errors: PT400, PT403.';
revoke execute on function public.usage_timeseries(uuid, timestamptz, timestamptz, jsonb,
  text, text, text)
  from public, anon, authenticated;
grant execute on function public.usage_timeseries(uuid, timestamptz, timestamptz, jsonb,
  text, text, text)
  to authenticated, service_role;

create function tally.usage_trends(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb,
  timezone text, bucket text, measure text, by text)
returns table (bucket_start timestamptz, bucket_end timestamptz, local_start timestamp,
  dimension text, request_count bigint, total_input_tokens bigint, total_output_tokens bigint,
  total_tokens bigint, total_cost_usd numeric, is_complete boolean, previous numeric,
  change numeric, percent_change numeric)
language plpgsql stable security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_timezone text;
  v_bounds timestamptz[];
  v_before timestamptz[];
begin
  v_timezone := tally.check_report(usage_trends.organization_id, usage_trends.starts_at,
    usage_trends.ends_at, usage_trends.timezone);
  if usage_trends.by in ('user_id', 'api_key_id') then
    perform tally.require_admin(usage_trends.organization_id);
  end if;
  v_bounds := tally.bucket_boundaries(usage_trends.starts_at, usage_trends.ends_at,
    usage_trends.bucket, v_timezone);
  v_before := tally.whole_bucket(
    (tally.whole_bucket(usage_trends.starts_at, usage_trends.bucket, v_timezone))[1]
      - interval '1 microsecond',
    usage_trends.bucket, v_timezone);
  return query
  with series as (
    select s.*, 1 as place
    from tally.read_series(usage_trends.organization_id, v_bounds, usage_trends.filters, v_timezone,
      usage_trends.by) as s
    union all
    select s.*, 0
    from tally.read_series(usage_trends.organization_id, v_before, usage_trends.filters, v_timezone,
      usage_trends.by) as s
  ),
  measured as (
    select s.*, tally.measure_of(s.use, usage_trends.measure) as amount,
      coalesce(lag(tally.measure_of(s.use,
        usage_trends.measure)) over (partition by s.dimension order by s.bucket_start), 0)
        as amount_before
    from series as s
  )
  select s.bucket_start, s.bucket_end, s.local_start, s.dimension,
    coalesce((s.use).request_count, 0), coalesce((s.use).input_tokens, 0),
    coalesce((s.use).output_tokens, 0), coalesce((s.use).input_tokens + (s.use).output_tokens, 0),
    coalesce((s.use).cost_usd, 0), s.bucket_end <= now()
      and array[s.bucket_start, s.bucket_end] = tally.whole_bucket(s.bucket_start,
      usage_trends.bucket,
      v_timezone),
    s.amount_before, s.amount - s.amount_before,
    round(100 * (s.amount - s.amount_before) / nullif(s.amount_before, 0), 2)
  from measured as s
  where s.place = 1
  order by s.bucket_start, s.dimension;
end;
$$;
comment on function tally.usage_trends(uuid, timestamptz, timestamptz, jsonb, text, text,
  text, text) is
  'Behind public.usage_trends.';
revoke execute on function tally.usage_trends(uuid, timestamptz, timestamptz, jsonb, text,
  text, text, text)
  from public, anon, authenticated;
grant execute on function tally.usage_trends(uuid, timestamptz, timestamptz, jsonb, text,
  text, text, text)
  to authenticated, service_role;

create function public.usage_trends(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb default '{}',
  timezone text default null, bucket text default 'day', measure text default 'total_cost_usd',
  dimension text default null)
returns table (bucket_start timestamptz, bucket_end timestamptz, local_start timestamp,
  dimension text, request_count bigint, total_input_tokens bigint, total_output_tokens bigint,
  total_tokens bigint, total_cost_usd numeric, is_complete boolean, previous numeric,
  change numeric, percent_change numeric)
language sql stable security invoker set search_path = ''
as $$
  select r.*
  from tally.usage_trends(usage_trends.organization_id, usage_trends.starts_at,
    usage_trends.ends_at, usage_trends.filters, usage_trends.timezone, usage_trends.bucket,
    usage_trends.measure, usage_trends.dimension) as r
$$;
comment on function public.usage_trends(uuid, timestamptz, timestamptz, jsonb, text, text,
  text, text) is
  'Use by bucket with the change of one measure (request_count, total_tokens, total_cost_usd …) against the bucket before it; percent_change is null where that was zero. The first is compared with the whole bucket before the range. is_complete is false for a bucket that the range cuts or that is not over. Errors: PT400, PT403.';
revoke execute on function public.usage_trends(uuid, timestamptz, timestamptz, jsonb, text,
  text, text, text)
  from public, anon, authenticated;
grant execute on function public.usage_trends(uuid, timestamptz, timestamptz, jsonb, text,
  text, text, text)
  to authenticated, service_role;

create function tally.usage_peaks(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb,
  timezone text, bucket text, measure text, max_rows integer)
returns table (bucket_start timestamptz, bucket_end timestamptz, local_start timestamp,
  request_count bigint, total_input_tokens bigint, total_output_tokens bigint, total_tokens bigint,
  total_cost_usd numeric)
language plpgsql stable security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_timezone text;
begin
  v_timezone := tally.check_report(usage_peaks.organization_id, usage_peaks.starts_at,
    usage_peaks.ends_at, usage_peaks.timezone);
  perform tally.check_max_rows(usage_peaks.max_rows);
  perform tally.measure_of(null, usage_peaks.measure);
  return query
  select s.bucket_start, s.bucket_end, s.local_start,
    coalesce((s.use).request_count, 0), coalesce((s.use).input_tokens, 0),
    coalesce((s.use).output_tokens, 0), coalesce((s.use).input_tokens + (s.use).output_tokens, 0),
    coalesce((s.use).cost_usd, 0)
  from tally.read_series(usage_peaks.organization_id, tally.bucket_boundaries(usage_peaks.starts_at,
    usage_peaks.ends_at, usage_peaks.bucket, v_timezone), usage_peaks.filters, v_timezone, null)
      as s
  where tally.measure_of(s.use, usage_peaks.measure) > 0
  order by tally.measure_of(s.use, usage_peaks.measure) desc, s.bucket_start
  limit usage_peaks.max_rows;
end;
$$;
comment on function tally.usage_peaks(uuid, timestamptz, timestamptz, jsonb, text, text,
  text, integer) is
  'Behind public.usage_peaks.';
revoke execute on function tally.usage_peaks(uuid, timestamptz, timestamptz, jsonb, text, text,
  text, integer)
  from public, anon, authenticated;
grant execute on function tally.usage_peaks(uuid, timestamptz, timestamptz, jsonb, text, text,
  text, integer)
  to authenticated, service_role;

create function public.usage_peaks(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb default '{}',
  timezone text default null, bucket text default 'hour', measure text default 'total_cost_usd',
  max_rows integer default 10)
returns table (bucket_start timestamptz, bucket_end timestamptz, local_start timestamp,
  request_count bigint, total_input_tokens bigint, total_output_tokens bigint, total_tokens bigint,
  total_cost_usd numeric)
language sql stable security invoker set search_path = ''
as $$
  select r.*
  from tally.usage_peaks(usage_peaks.organization_id, usage_peaks.starts_at, usage_peaks.ends_at,
    usage_peaks.filters, usage_peaks.timezone, usage_peaks.bucket, usage_peaks.measure,
    usage_peaks.max_rows) as r
$$;
comment on function public.usage_peaks(uuid, timestamptz, timestamptz, jsonb, text, text,
  text, integer) is
  'The buckets (hour, day …) of the greatest use by one measure, greatest first; empty ones are not among them. Errors: PT400, PT403.';
revoke execute on function public.usage_peaks(uuid, timestamptz, timestamptz, jsonb, text, text,
  text, integer)
  from public, anon, authenticated;
grant execute on function public.usage_peaks(uuid, timestamptz, timestamptz, jsonb, text, text,
  text, integer)
  to authenticated, service_role;
