-- What reports read: one function sums the use of spans of time by one dimension, from the level of the
-- rollups that is enough for it. Everything that is reported comes from here.

create type tally.report_filter as (
  provider text[],
  model text[],
  tool_name text[],
  operation text[],
  resource_type text[],
  service_tier text[],
  status text[],
  unit_type text[],
  is_byok text[],
  user_id text[],
  api_key_id text[]
);
comment on type tally.report_filter is
  'The values that a report is limited to, by attribute; a null in a list: events without one. Null: any.';

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
comment on type tally.span_use is 'Use within one span of time (numbered from 1) of one value of a dimension.';

create function tally.read_filters(filters jsonb)
returns tally.report_filter
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_lists jsonb := '{}'::jsonb;
  v_key text;
  v_value jsonb;
  v_list text[];
begin
  perform tally.check_filters(read_filters.filters, array['provider', 'model', 'tool_name', 'operation',
    'resource_type', 'service_tier', 'status', 'unit_type', 'is_byok', 'user_id', 'api_key_id']);
  for v_key, v_value in select f.key, f.value from jsonb_each(read_filters.filters) as f order by f.key loop
    if jsonb_typeof(v_value) <> 'array' then
      v_value := jsonb_build_array(v_value);
    end if;
    v_list := array(select e #>> '{}' from jsonb_array_elements(v_value) as e);
    if cardinality(v_list) not between 1 and 1000 or exists (
      select from jsonb_array_elements(v_value) as e where jsonb_typeof(e) in ('object', 'array')
    ) then
      perform tally.fail('PT400', format('filters.%s must be a value, null, or a list of up to 1000 of them.', v_key),
        'filters.' || v_key, 'null stands for events without one.');
    elsif v_key in ('user_id', 'api_key_id') then
      begin
        v_list := v_list::uuid[]::text[];
      exception when invalid_text_representation then
        perform tally.fail('PT400', format('filters.%s must be a uuid.', v_key), 'filters.' || v_key);
      end;
    end if;
    v_lists := v_lists || jsonb_build_object(v_key, v_list);
  end loop;
  return jsonb_populate_record(null::tally.report_filter, v_lists);
end;
$$;
comment on function tally.read_filters(jsonb) is
  'Reads filters, {attribute: value, null or list of them}; raises PT400 for an unknown key or a value that cannot be.';
revoke execute on function tally.read_filters(jsonb) from public, anon, authenticated;

create function tally.check_report(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, timezone text)
returns text
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_timezone text := check_report.timezone;
begin
  perform tally.require_member(check_report.organization_id);
  perform tally.require_span(check_report.starts_at, check_report.ends_at);
  if check_report.ends_at > check_report.starts_at + interval '10 years' then
    perform tally.fail('PT400', 'A report may span at most ten years.', 'starts_at, ends_at');
  elsif check_report.starts_at < timestamptz '2000-01-01 00:00:00+00'
    or check_report.ends_at > timestamptz '2200-01-01 00:00:00+00' then
    perform tally.fail('PT400', 'A report may span the years 2000 to 2199.', 'starts_at, ends_at');
  end if;
  if v_timezone is null then
    select o.timezone into v_timezone from public.organizations as o where o.id = check_report.organization_id;
  end if;
  begin
    perform check_report.starts_at at time zone v_timezone;
  exception when invalid_parameter_value then
    perform tally.fail('PT400', format('There is no timezone %L.', v_timezone), 'timezone',
      'Use an IANA name such as Europe/Berlin.');
  end;
  return v_timezone;
end;
$$;
comment on function tally.check_report(uuid, timestamptz, timestamptz, text) is
  'Raises PT403 unless the caller may read the organization, PT400 for a span or a timezone that cannot be; returns the timezone to use.';
revoke execute on function tally.check_report(uuid, timestamptz, timestamptz, text) from public, anon, authenticated;

create function tally.local_moment(local timestamp, timezone text)
returns timestamptz
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_moment timestamptz := local_moment.local at time zone local_moment.timezone;
begin
  -- Where clocks go back over midnight there are two: the day begins at the first.
  if (v_moment - interval '1 hour') at time zone local_moment.timezone = local_moment.local then
    return v_moment - interval '1 hour';
  end if;
  return v_moment;
end;
$$;
comment on function tally.local_moment(timestamp, text) is
  'The first moment at which the clocks of a timezone show a time; where they skip it, the moment at which they do.';
revoke execute on function tally.local_moment(timestamp, text) from public, anon, authenticated;

create function tally.bucket_boundaries(starts_at timestamptz, ends_at timestamptz, bucket text, timezone text)
returns timestamptz[]
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_step interval := case bucket_boundaries.bucket
    when '15_minutes' then interval '15 minutes'
    when 'hour' then interval '1 hour'
    when 'day' then interval '1 day'
    when 'week' then interval '7 days'
    when 'month' then interval '1 month'
    when 'year' then interval '1 year'
  end;
  v_steps integer;
  v_first timestamptz;
  v_inner timestamptz[];
begin
  if v_step is null then
    perform tally.fail('PT400', format('There is no bucket %L.', bucket_boundaries.bucket), 'bucket',
      'Use 15_minutes, hour, day, week, month or year.');
  elsif bucket_boundaries.ends_at - bucket_boundaries.starts_at > 10000 * v_step then
    perform tally.fail('PT400', 'A series may have at most 10000 buckets.', 'bucket',
      'Use a longer bucket or a shorter span.');
  end if;
  v_steps := ceil(extract(epoch from bucket_boundaries.ends_at - bucket_boundaries.starts_at) / extract(epoch from v_step));
  if bucket_boundaries.bucket in ('15_minutes', 'hour') then
    -- Hours are elapsed time: a clock change neither skips nor repeats one.
    v_first := case bucket_boundaries.bucket
      when 'hour' then date_trunc('hour', bucket_boundaries.starts_at, bucket_boundaries.timezone)
      else date_bin(interval '15 minutes', bucket_boundaries.starts_at, timestamptz 'epoch')
    end;
    v_inner := array(select v_first + n * v_step from generate_series(1, v_steps) as n);
  else
    v_inner := array(
      select tally.local_moment(l.local, bucket_boundaries.timezone)
      from generate_series(
        date_trunc(bucket_boundaries.bucket, bucket_boundaries.starts_at at time zone bucket_boundaries.timezone),
        bucket_boundaries.ends_at at time zone bucket_boundaries.timezone, v_step) as l (local));
  end if;
  return array(
    select bucket_boundaries.starts_at
    union
    select i.moment from unnest(v_inner) as i (moment)
    where i.moment > bucket_boundaries.starts_at and i.moment < bucket_boundaries.ends_at
    union
    select bucket_boundaries.ends_at
    order by 1
  );
end;
$$;
comment on function tally.bucket_boundaries(timestamptz, timestamptz, text, text) is
  'The moments that cut a span into the calendar buckets of a timezone, both its ends included.';
revoke execute on function tally.bucket_boundaries(timestamptz, timestamptz, text, text) from public, anon, authenticated;

create function tally.round_archived(at timestamptz)
returns timestamptz
language plpgsql stable security invoker set search_path = ''
as $$
begin
  return case
    when to_regclass('tally.token_usage_' || to_char(round_archived.at at time zone 'UTC', 'YYYY_MM')) is null
      then date_bin('15 minutes', round_archived.at, timestamptz 'epoch')
    else round_archived.at
  end;
end;
$$;
comment on function tally.round_archived(timestamptz) is
  'A moment; within a month whose events were archived, the start of its 15 minutes: finer than that only events are.';
revoke execute on function tally.round_archived(timestamptz) from public, anon, authenticated;

create function tally.reading_end(ends_at timestamptz)
returns timestamptz
language plpgsql stable security invoker set search_path = ''
as $$
begin
  return least(reading_end.ends_at, date_bin('15 minutes', now(), timestamptz 'epoch') + interval '15 minutes');
end;
$$;
comment on function tally.reading_end(timestamptz) is
  'How far a range is read that goes to the present: to the end of the running 15 minutes, which a rollup has as a whole.';
revoke execute on function tally.reading_end(timestamptz) from public, anon, authenticated;

create function tally.rollup_levels(kind text)
returns integer[]
language sql immutable security invoker set search_path = ''
as $$
  select case
    when rollup_levels.kind in ('totals', 'actor_totals', 'duration_totals') then '{1440,60,15}'::integer[]
    else '{1440,15}'
  end
$$;
comment on function tally.rollup_levels(text) is
  'The lengths of buckets, in minutes, that rollups have: totals, actor_totals, duration_totals (all dimensions together, as dimension 0), dimensions, actors, durations, packages.';
revoke execute on function tally.rollup_levels(text) from public, anon, authenticated;

create function tally.cut_days(points timestamptz[])
returns table (span integer, minus_span integer, minutes integer, starts_at timestamptz, ends_at timestamptz)
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_first timestamptz := cut_days.points[1];
  v_last timestamptz := cut_days.points[cardinality(cut_days.points)];
begin
  return query
  with parts as (
    select d.day, c.point as starts_at, lead(c.point) over (partition by d.day order by c.point) as ends_at
    from generate_series(date_bin('1 day', v_first, timestamptz 'epoch'), v_last - interval '1 microsecond', interval '1 day')
      as d (day)
    cross join lateral (
      select d.day as point
      union
      select d.day + interval '1 day'
      union
      select p.point from unnest(cut_days.points) as p (point)
      where p.point > d.day and p.point < d.day + interval '1 day'
    ) as c
  ),
  known as (
    select p.*, p.ends_at - p.starts_at as length,
      case when p.starts_at >= v_first and p.starts_at < v_last then width_bucket(p.starts_at, cut_days.points) end as span
    from parts as p
    where p.ends_at is not null
  ),
  ranked as (
    select k.*,
      coalesce(sum(k.length) filter (where k.span is null) over (partition by k.day), interval '0') as outside,
      first_value(k.span) over w as main_span,
      first_value(k.length) over w as main_length,
      row_number() over w as place
    from known as k
    window w as (partition by k.day order by k.span is null, k.length desc, k.starts_at)
  )
  -- The whole day for its longest part, the other parts taken off it, where that is less to read.
  select r.main_span, null::integer, 1440, r.day, r.day + interval '1 day'
  from ranked as r
  where r.place = 1 and r.main_length > r.outside + interval '2 hours'
  union all
  select r.span, r.main_span, 15, r.starts_at, r.ends_at
  from ranked as r
  where r.place > 1 and r.main_length > r.outside + interval '2 hours'
  union all
  select r.span, null, 15, r.starts_at, r.ends_at
  from ranked as r
  where r.span is not null and r.main_length <= r.outside + interval '2 hours';
end;
$$;
comment on function tally.cut_days(timestamptz[]) is
  'Where the spans between moments (on quarters of an hour) are to be read: whole days (UTC), and quarters of an hour that go to a span and are taken off minus_span, the one that the day was given to.';
revoke execute on function tally.cut_days(timestamptz[]) from public, anon, authenticated;

create function tally.cut_range(boundaries timestamptz[], levels integer[])
returns table (span integer, minus_span integer, minutes integer, starts_at timestamptz, ends_at timestamptz)
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_spans integer := cardinality(cut_range.boundaries) - 1;
  v_starts_at timestamptz := cut_range.boundaries[1];
  v_ends_at timestamptz := cut_range.boundaries[v_spans + 1];
  v_first timestamptz := date_bin('15 minutes', v_starts_at + interval '15 minutes' - interval '1 microsecond', timestamptz 'epoch');
  v_last timestamptz := date_bin('15 minutes', v_ends_at, timestamptz 'epoch');
  v_points timestamptz[];
begin
  if v_first > v_last then
    return query select 1, null::integer, 0, v_starts_at, v_ends_at where v_starts_at < v_ends_at;
    return;
  end if;
  -- What the range cuts off of quarters of an hour is read from the events (0 minutes).
  return query
  select 1, null::integer, 0, v_starts_at, v_first where v_starts_at < v_first
  union all
  select v_spans, null, 0, v_last, v_ends_at where v_last < v_ends_at;
  if v_first = v_last then
    return;
  end if;
  v_points := cut_range.boundaries;
  v_points[1] := v_first;
  v_points[v_spans + 1] := v_last;
  return query
  select p.span, p.minus_span, q.minutes, q.starts_at, q.ends_at
  from (
    select d.* from tally.cut_days(v_points) as d where 1440 = any (cut_range.levels)
    union all
    select n, null, 15, v_points[n], v_points[n + 1]
    from generate_series(1, v_spans) as n
    where 1440 <> all (cut_range.levels)
  ) as p
  cross join lateral (
    select date_bin('1 hour', p.starts_at + interval '1 hour' - interval '1 microsecond', timestamptz 'epoch') as first_hour,
      date_bin('1 hour', p.ends_at, timestamptz 'epoch') as last_hour
  ) as h
  cross join lateral (
    select p.minutes, p.starts_at, p.ends_at
    where p.minutes = 1440 or 60 <> all (cut_range.levels) or h.first_hour >= h.last_hour
    union all
    select c.minutes, c.starts_at, c.ends_at
    from (values (15, p.starts_at, h.first_hour), (60, h.first_hour, h.last_hour), (15, h.last_hour, p.ends_at))
      as c (minutes, starts_at, ends_at)
    where not (p.minutes = 1440 or 60 <> all (cut_range.levels) or h.first_hour >= h.last_hour)
      and c.starts_at < c.ends_at
  ) as q
  where p.starts_at < p.ends_at;
end;
$$;
comment on function tally.cut_range(timestamptz[], integer[]) is
  'Where the spans between moments are to be read: buckets of the given lengths (minutes) from the rollups, the rest (0) from the events. What is read counts in span and is taken off minus_span.';
revoke execute on function tally.cut_range(timestamptz[], integer[]) from public, anon, authenticated;

create function tally.passes(filter tally.report_filter, provider text, model text, tool_name text, operation text,
  resource_type text, service_tier text, status text, unit_type text, is_byok boolean)
returns boolean
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  f tally.report_filter := passes.filter;
begin
  -- array_position finds a null, too.
  return (f.provider is null or array_position(f.provider, passes.provider) is not null)
    and (f.model is null or array_position(f.model, passes.model) is not null)
    and (f.tool_name is null or array_position(f.tool_name, passes.tool_name) is not null)
    and (f.operation is null or array_position(f.operation, passes.operation) is not null)
    and (f.resource_type is null or array_position(f.resource_type, passes.resource_type) is not null)
    and (f.service_tier is null or array_position(f.service_tier, passes.service_tier) is not null)
    and (f.status is null or array_position(f.status, passes.status) is not null)
    and (f.unit_type is null or array_position(f.unit_type, passes.unit_type) is not null)
    and (f.is_byok is null or array_position(f.is_byok, passes.is_byok::text) is not null);
end;
$$;
comment on function tally.passes(tally.report_filter, text, text, text, text, text, text, text, text, boolean) is
  'Whether a filter lets a combination of attributes through.';
revoke execute on function tally.passes(tally.report_filter, text, text, text, text, text, text, text, text, boolean)
  from public, anon, authenticated;

create function tally.dimension_value(dimension text, provider text, model text, tool_name text, operation text,
  resource_type text, service_tier text, status text, unit_type text, is_byok boolean, user_id uuid, api_key_id uuid)
returns text
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return case dimension_value.dimension
    when 'provider' then dimension_value.provider
    when 'model' then dimension_value.model
    when 'tool_name' then dimension_value.tool_name
    when 'operation' then dimension_value.operation
    when 'resource_type' then dimension_value.resource_type
    when 'service_tier' then dimension_value.service_tier
    when 'status' then dimension_value.status
    when 'unit_type' then dimension_value.unit_type
    when 'is_byok' then dimension_value.is_byok::text
    when 'user_id' then dimension_value.user_id::text
    when 'api_key_id' then dimension_value.api_key_id::text
  end;
end;
$$;
comment on function tally.dimension_value(text, text, text, text, text, text, text, text, text, boolean, uuid, uuid) is
  'The attribute that a report groups by; null for no dimension.';
revoke execute on function tally.dimension_value(text, text, text, text, text, text, text, text, text, boolean, uuid, uuid)
  from public, anon, authenticated;

create function tally.loose_use(
  organization_id uuid, boundaries timestamptz[], filter tally.report_filter, dimension text)
returns setof tally.span_use
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = off
as $$
declare
  v_is_filtered boolean := tally.has_conditions(loose_use.filter);
begin
  return query
  select l.span, case when loose_use.dimension is not null then tally.dimension_value(loose_use.dimension, l.provider, l.model, l.tool_name, l.operation,
      l.resource_type, l.service_tier, l.status, l.unit_type, l.is_byok, l.user_id, l.api_key_id) end,
    sum(l.request_count)::bigint, sum(l.input_tokens)::bigint, sum(l.output_tokens)::bigint,
    sum(l.cache_read_tokens)::bigint, sum(l.cache_write_tokens)::bigint, sum(l.reasoning_tokens)::bigint, sum(l.units),
    sum(l.cost_usd), sum(l.unpriced_count)::bigint, count(l.duration_ms), coalesce(sum(l.duration_ms), 0)::bigint
  from (
    select c.span, b.provider, b.model, b.tool_name, b.operation, b.resource_type, b.service_tier, b.status, b.unit_type,
      b.is_byok, b.user_id, b.api_key_id, b.request_count, b.input_tokens, b.output_tokens, b.cache_read_tokens,
      b.cache_write_tokens, b.reasoning_tokens, b.units, b.cost_usd, b.unpriced_count, b.duration_ms
    from tally.cut_range(loose_use.boundaries, '{15}') as c
    cross join lateral (
      select r.*
      from tally.recorded_buckets as r
      where r.organization_id = loose_use.organization_id
        and r.created_at >= c.starts_at and r.created_at < c.ends_at
      offset 0
    ) as b
    where c.minutes = 0
    union all
    select width_bucket(p.bucket_start, loose_use.boundaries), p.provider, p.model, p.tool_name, p.operation,
      p.resource_type, p.service_tier, p.status, p.unit_type, p.is_byok, p.user_id, p.api_key_id, p.request_count,
      p.input_tokens, p.output_tokens, p.cache_read_tokens, p.cache_write_tokens, p.reasoning_tokens, p.units, p.cost_usd,
      p.unpriced_count, p.duration_ms
    from tally.pending_buckets as p
    where p.organization_id = loose_use.organization_id
      -- Of quarters that are read whole from the rollups: the rest is among the events above.
      and p.bucket_start >= loose_use.boundaries[1]
      and p.bucket_start + interval '15 minutes' <= loose_use.boundaries[cardinality(loose_use.boundaries)]
  ) as l
  where (not v_is_filtered or tally.passes(loose_use.filter, l.provider, l.model, l.tool_name, l.operation,
      l.resource_type, l.service_tier, l.status, l.unit_type, l.is_byok))
    and ((loose_use.filter).user_id is null or array_position((loose_use.filter).user_id, l.user_id::text) is not null)
    and ((loose_use.filter).api_key_id is null
      or array_position((loose_use.filter).api_key_id, l.api_key_id::text) is not null)
  group by 1, 2;
end;
$$;
comment on function tally.loose_use(uuid, timestamptz[], tally.report_filter, text) is
  'The use within spans that the rollups do not hold: what is not folded, and the events of quarters of an hour that a range cuts.';
revoke execute on function tally.loose_use(uuid, timestamptz[], tally.report_filter, text) from public, anon, authenticated;

create function tally.folded_totals(organization_id uuid, boundaries timestamptz[])
returns setof tally.span_use
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = off
as $$
begin
  return query
  with summed as materialized (
    select c.span, c.minus_span, sum(r.request_count)::bigint as request_count,
      sum(r.input_tokens)::bigint as input_tokens, sum(r.output_tokens)::bigint as output_tokens,
      sum(r.cache_read_tokens)::bigint as cache_read_tokens, sum(r.cache_write_tokens)::bigint as cache_write_tokens,
      sum(r.reasoning_tokens)::bigint as reasoning_tokens, sum(r.units) as units, sum(r.cost_usd) as cost_usd,
      sum(r.unpriced_count)::bigint as unpriced_count, sum(r.duration_count)::bigint as duration_count,
      sum(r.duration_ms)::bigint as duration_ms
    from tally.cut_range(folded_totals.boundaries, tally.rollup_levels('totals')) as c
    cross join lateral (
      -- Row by row: between the rows for everything stand those of each dimension.
      select t.*
      from generate_series(c.starts_at, c.ends_at - interval '1 microsecond', c.minutes * interval '1 minute') as b (bucket_start)
      join tally.usage_rollups as t
        on t.organization_id = folded_totals.organization_id and t.actor_id = 0 and t.minutes = c.minutes
        and t.bucket_start = b.bucket_start and t.dimension_id = 0
      where c.minutes > 0
      offset 0
    ) as r
    where c.minutes > 0
    group by c.span, c.minus_span
  )
  select g.span, null::text, sum(g.sign * s.request_count)::bigint, sum(g.sign * s.input_tokens)::bigint, sum(g.sign * s.output_tokens)::bigint,
    sum(g.sign * s.cache_read_tokens)::bigint, sum(g.sign * s.cache_write_tokens)::bigint,
    sum(g.sign * s.reasoning_tokens)::bigint, sum(g.sign * s.units), sum(g.sign * s.cost_usd),
    sum(g.sign * s.unpriced_count)::bigint, sum(g.sign * s.duration_count)::bigint, sum(g.sign * s.duration_ms)::bigint
  from summed as s
  cross join lateral (values (s.span, 1), (s.minus_span, -1)) as g (span, sign)
  where g.span is not null
  group by g.span;
end;
$$;
comment on function tally.folded_totals(uuid, timestamptz[]) is
  'What the rollups hold of spans, without filter or dimension.';
revoke execute on function tally.folded_totals(uuid, timestamptz[]) from public, anon, authenticated;

create function tally.has_conditions(filter tally.report_filter)
returns boolean
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  f tally.report_filter := has_conditions.filter;
begin
  f.user_id := null;
  f.api_key_id := null;
  -- A row is null when each of its fields is.
  return not (f is null);
end;
$$;
comment on function tally.has_conditions(tally.report_filter) is
  'Whether a filter looks at anything but users and API keys.';
revoke execute on function tally.has_conditions(tally.report_filter) from public, anon, authenticated;

create function tally.passing_dimensions(organization_id uuid, filter tally.report_filter)
returns bigint[]
language plpgsql stable security definer set search_path = ''
as $$
begin
  return array(
    select d.id
    from tally.usage_dimensions as d
    where d.organization_id = passing_dimensions.organization_id
      and tally.passes(passing_dimensions.filter, d.provider, d.model, d.tool_name, d.operation, d.resource_type,
        d.service_tier, d.status, d.unit_type, d.is_byok)
    order by d.id
  );
end;
$$;
comment on function tally.passing_dimensions(uuid, tally.report_filter) is
  'The ids of the combinations of attributes that a filter lets through.';
revoke execute on function tally.passing_dimensions(uuid, tally.report_filter) from public, anon, authenticated;

create function tally.folded_use(
  organization_id uuid, boundaries timestamptz[], filter tally.report_filter, dimension text)
returns setof tally.span_use
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = off set work_mem = '32MB'
as $$
declare
  v_dimensions bigint[] := tally.passing_dimensions(folded_use.organization_id, folded_use.filter);
begin
  return query
  with summed as materialized (
    select c.span, c.minus_span, r.dimension_id, sum(r.request_count)::bigint as request_count,
      sum(r.input_tokens)::bigint as input_tokens, sum(r.output_tokens)::bigint as output_tokens,
      sum(r.cache_read_tokens)::bigint as cache_read_tokens, sum(r.cache_write_tokens)::bigint as cache_write_tokens,
      sum(r.reasoning_tokens)::bigint as reasoning_tokens, sum(r.units) as units, sum(r.cost_usd) as cost_usd,
      sum(r.unpriced_count)::bigint as unpriced_count, sum(r.duration_count)::bigint as duration_count,
      sum(r.duration_ms)::bigint as duration_ms
    from tally.cut_range(folded_use.boundaries, tally.rollup_levels('dimensions')) as c
    cross join lateral (
      select t.*
      from tally.usage_rollups as t
      where t.organization_id = folded_use.organization_id and t.actor_id = 0 and t.minutes = c.minutes
        and t.bucket_start >= c.starts_at and t.bucket_start < c.ends_at
        -- A filter, not a condition of the index: one scan of the range instead of one for each dimension.
        and t.dimension_id + 0 = any (v_dimensions)
      offset 0
    ) as r
    where c.minutes > 0
    group by c.span, c.minus_span, r.dimension_id
  )
  select g.span, tally.dimension_value(folded_use.dimension, d.provider, d.model, d.tool_name, d.operation,
      d.resource_type, d.service_tier, d.status, d.unit_type, d.is_byok, null, null),
    sum(g.sign * s.request_count)::bigint, sum(g.sign * s.input_tokens)::bigint, sum(g.sign * s.output_tokens)::bigint,
    sum(g.sign * s.cache_read_tokens)::bigint, sum(g.sign * s.cache_write_tokens)::bigint,
    sum(g.sign * s.reasoning_tokens)::bigint, sum(g.sign * s.units), sum(g.sign * s.cost_usd),
    sum(g.sign * s.unpriced_count)::bigint, sum(g.sign * s.duration_count)::bigint, sum(g.sign * s.duration_ms)::bigint
  from summed as s
  cross join lateral (values (s.span, 1), (s.minus_span, -1)) as g (span, sign)
  join tally.usage_dimensions as d on d.organization_id = folded_use.organization_id and d.id = s.dimension_id
  where g.span is not null
  group by 1, 2;
end;
$$;
comment on function tally.folded_use(uuid, timestamptz[], tally.report_filter, text) is
  'What the rollups hold of spans, by one dimension (or none) of the events that a filter lets through, whoever they are by.';
revoke execute on function tally.folded_use(uuid, timestamptz[], tally.report_filter, text) from public, anon, authenticated;

create function tally.folded_use_of_actors(
  organization_id uuid, boundaries timestamptz[], filter tally.report_filter, dimension text)
returns setof tally.span_use
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = off set work_mem = '32MB'
as $$
declare
  v_dimensions bigint[] := tally.passing_dimensions(folded_use_of_actors.organization_id, folded_use_of_actors.filter);
  v_actors bigint[] := array(
    select a.id
    from tally.usage_actors as a
    where a.organization_id = folded_use_of_actors.organization_id
      and ((folded_use_of_actors.filter).user_id is null
        or array_position((folded_use_of_actors.filter).user_id, a.user_id::text) is not null)
      and ((folded_use_of_actors.filter).api_key_id is null
        or array_position((folded_use_of_actors.filter).api_key_id, a.api_key_id::text) is not null)
  );
  -- Without a filter on other attributes the rows of all dimensions together are enough, where there are any.
  v_totals boolean := coalesce(folded_use_of_actors.dimension in ('user_id', 'api_key_id'), true)
    and not tally.has_conditions(folded_use_of_actors.filter) and tally.rollup_levels('actor_totals') <> '{}';
  v_levels integer[] := tally.rollup_levels(case when v_totals then 'actor_totals' else 'actors' end);
  v_least bigint := (select min(d) from unnest(v_dimensions) as d);
  v_most bigint := (select max(d) from unnest(v_dimensions) as d);
begin
  return query
  with summed as materialized (
    select r.span, r.minus_span, r.actor_id, r.dimension_id, sum(r.request_count)::bigint as request_count,
      sum(r.input_tokens)::bigint as input_tokens, sum(r.output_tokens)::bigint as output_tokens,
      sum(r.cache_read_tokens)::bigint as cache_read_tokens, sum(r.cache_write_tokens)::bigint as cache_write_tokens,
      sum(r.reasoning_tokens)::bigint as reasoning_tokens, sum(r.units) as units, sum(r.cost_usd) as cost_usd,
      sum(r.unpriced_count)::bigint as unpriced_count, sum(r.duration_count)::bigint as duration_count,
      sum(r.duration_ms)::bigint as duration_ms
    from (
      select c.span, c.minus_span, l.*
      from tally.cut_range(folded_use_of_actors.boundaries, v_levels) as c
      cross join unnest(v_actors) as a (id)
      cross join lateral (
        select t.*
        from tally.usage_rollups as t
        where t.organization_id = folded_use_of_actors.organization_id and t.actor_id = a.id and t.minutes = c.minutes
          and t.bucket_start >= c.starts_at and t.bucket_start < c.ends_at
          and t.dimension_id between v_least and v_most
        offset 0
      ) as l
      where c.minutes > 0 and (c.minutes = 15 or not v_totals)
      union all
      -- All dimensions together: what stands in the range, whoever it is by.
      select c.span, c.minus_span, l.*
      from tally.cut_range(folded_use_of_actors.boundaries, v_levels) as c
      cross join lateral (
        select t.*
        from tally.usage_rollups as t
        where t.organization_id = folded_use_of_actors.organization_id and t.actor_id <> 0 and t.dimension_id = 0
          and t.minutes = c.minutes and t.bucket_start >= c.starts_at and t.bucket_start < c.ends_at
          and t.actor_id + 0 = any (v_actors)
        offset 0
      ) as l
      where c.minutes > 15 and v_totals
    ) as r
    where r.dimension_id = 0 or r.dimension_id = any (v_dimensions)
    group by r.span, r.minus_span, r.actor_id, r.dimension_id
  )
  select g.span, tally.dimension_value(folded_use_of_actors.dimension, d.provider, d.model, d.tool_name, d.operation,
      d.resource_type, d.service_tier, d.status, d.unit_type, d.is_byok, a.user_id, a.api_key_id),
    sum(g.sign * s.request_count)::bigint, sum(g.sign * s.input_tokens)::bigint, sum(g.sign * s.output_tokens)::bigint,
    sum(g.sign * s.cache_read_tokens)::bigint, sum(g.sign * s.cache_write_tokens)::bigint,
    sum(g.sign * s.reasoning_tokens)::bigint, sum(g.sign * s.units), sum(g.sign * s.cost_usd),
    sum(g.sign * s.unpriced_count)::bigint, sum(g.sign * s.duration_count)::bigint, sum(g.sign * s.duration_ms)::bigint
  from summed as s
  cross join lateral (values (s.span, 1), (s.minus_span, -1)) as g (span, sign)
  left join tally.usage_dimensions as d
    on d.organization_id = folded_use_of_actors.organization_id and d.id = s.dimension_id
  join tally.usage_actors as a on a.organization_id = folded_use_of_actors.organization_id and a.id = s.actor_id
  where g.span is not null
  group by 1, 2;
end;
$$;
comment on function tally.folded_use_of_actors(uuid, timestamptz[], tally.report_filter, text) is
  'Like tally.folded_use, by or of certain users or API keys.';
revoke execute on function tally.folded_use_of_actors(uuid, timestamptz[], tally.report_filter, text)
  from public, anon, authenticated;

create function tally.usage_range(organization_id uuid, boundaries timestamptz[], filters jsonb, dimension text)
returns setof tally.span_use
language plpgsql stable security definer set search_path = '' set jit = off set work_mem = '32MB'
as $$
declare
  v_filter tally.report_filter := tally.read_filters(usage_range.filters);
  v_bounds timestamptz[] := usage_range.boundaries;
begin
  if usage_range.dimension not in ('provider', 'model', 'tool_name', 'operation', 'resource_type', 'service_tier',
    'status', 'unit_type', 'is_byok', 'user_id', 'api_key_id') then
    perform tally.fail('PT400', format('There is no dimension %L.', usage_range.dimension), 'dimension',
      'Use provider, model, tool_name, operation, resource_type, service_tier, status, unit_type, is_byok, user_id or api_key_id.');
  end if;
  v_bounds[1] := tally.round_archived(v_bounds[1]);
  v_bounds[cardinality(v_bounds)] := tally.round_archived(v_bounds[cardinality(v_bounds)]);
  return query
  select u.span, u.dimension, sum(u.request_count)::bigint, sum(u.input_tokens)::bigint, sum(u.output_tokens)::bigint,
    sum(u.cache_read_tokens)::bigint, sum(u.cache_write_tokens)::bigint, sum(u.reasoning_tokens)::bigint,
    trim_scale(sum(u.units)), trim_scale(sum(u.cost_usd)), sum(u.unpriced_count)::bigint, sum(u.duration_count)::bigint,
    sum(u.duration_ms)::bigint
  from (
    select * from tally.loose_use(usage_range.organization_id, v_bounds, v_filter, usage_range.dimension)
    union all
    select * from tally.folded_totals(usage_range.organization_id, v_bounds)
    where usage_range.dimension is null and usage_range.filters = '{}'
    union all
    select * from tally.folded_use(usage_range.organization_id, v_bounds, v_filter, usage_range.dimension)
    where not (usage_range.dimension is null and usage_range.filters = '{}')
      and not usage_range.filters ?| array['user_id', 'api_key_id']
      and coalesce(usage_range.dimension, '') not in ('user_id', 'api_key_id')
    union all
    select * from tally.folded_use_of_actors(usage_range.organization_id, v_bounds, v_filter, usage_range.dimension)
    where usage_range.filters ?| array['user_id', 'api_key_id'] or usage_range.dimension in ('user_id', 'api_key_id')
  ) as u
  group by u.span, u.dimension
  -- What was taken off a day may leave nothing.
  having sum(u.request_count) <> 0 or sum(u.cost_usd) <> 0 or sum(u.unpriced_count) <> 0;
end;
$$;
comment on function tally.usage_range(uuid, timestamptz[], jsonb, text) is
  'The use of an organization within the spans between moments, by one dimension or none (null), of the events that filters let through: exact, and read from the coarsest rollup that is. Spans without use have no row.';
revoke execute on function tally.usage_range(uuid, timestamptz[], jsonb, text) from public, anon, authenticated;
