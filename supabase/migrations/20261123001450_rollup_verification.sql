-- Rollup = raw: checked by range, while writers go on.

create function tally.require_span(starts_at timestamptz, ends_at timestamptz)
returns void
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  if not coalesce(isfinite(require_span.starts_at) and isfinite(require_span.ends_at), false) then
    perform tally.fail('PT400', 'starts_at and ends_at must be moments, not empty or infinite.',
      'starts_at, ends_at');
  elsif require_span.starts_at >= require_span.ends_at then
    perform tally.fail('PT400', 'starts_at must be before ends_at.', 'starts_at, ends_at',
      'The span holds starts_at and ends before ends_at.');
  end if;
end;
$$;
comment on function tally.require_span(timestamptz, timestamptz) is
  'Raises PT400 unless the two moments are a span of time.';
revoke execute on function tally.require_span(timestamptz, timestamptz)
  from public, anon, authenticated;

create type tally.rollup_difference as (
  rollup text,
  bucket_start timestamptz,
  dimension_id bigint,
  actor_id bigint,
  slot integer,
  minutes integer,
  measure text,
  expected numeric,
  actual numeric
);
comment on type tally.rollup_difference is
  'A sum that a rollup has otherwise than the events; null for what a rollup is not kept by.';

create function tally.stored_usage(organization_id uuid, starts_at timestamptz,
  ends_at timestamptz, actors bigint[])
returns setof tally.usage_rollups
language plpgsql stable security definer set search_path = '' set jit = off
  set enable_seqscan = off
as $$
begin
  return query
  -- The key has actors before times: each by itself.
  select r.*
  from unnest(stored_usage.actors) as a (id)
  cross join unnest(array[15, 60, 1440]) as l (minutes)
  cross join lateral (
    select t.*
    from tally.usage_rollups as t
    where t.organization_id = stored_usage.organization_id and t.actor_id = a.id
      and t.minutes = l.minutes
      and t.bucket_start >= stored_usage.starts_at and t.bucket_start < stored_usage.ends_at
    offset 0
  ) as r;
end;
$$;
comment on function tally.stored_usage(uuid, timestamptz, timestamptz, bigint[]) is
  'The rollups of an organization and its actors within a span, but those of weeks.';
revoke execute on function tally.stored_usage(uuid, timestamptz, timestamptz, bigint[])
  from public, anon, authenticated;

create function tally.usage_differences(organization_id uuid, starts_at timestamptz,
  ends_at timestamptz, actors bigint[], placed tally.placed[])
returns setof tally.rollup_difference
language plpgsql stable security definer set search_path = '' set jit = off
  set work_mem = '32MB' set enable_nestloop = off set enable_mergejoin = off
as $$
begin
  return query
  select 'usage by ' || case k.minutes when 15 then '15 minutes' when 60 then 'hour' else 'day' end,
    k.bucket_start, k.dimension_id, k.actor_id, null::integer, k.minutes, m.measure,
    coalesce(m.expected, 0), coalesce(m.actual, 0)
  from tally.usage_levels(usage_differences.placed) as x
  full join (
    select r.*
    from tally.stored_usage(usage_differences.organization_id, usage_differences.starts_at,
      usage_differences.ends_at, usage_differences.actors) as r
  ) as s on s.actor_id = x.actor_id and s.minutes = x.minutes and s.bucket_start = x.bucket_start
    and s.dimension_id = x.dimension_id
  cross join lateral (
    select coalesce(x.actor_id, s.actor_id) as actor_id, coalesce(x.minutes, s.minutes) as minutes,
      coalesce(x.bucket_start, s.bucket_start) as bucket_start,
      coalesce(x.dimension_id, s.dimension_id) as dimension_id
  ) as k
  cross join lateral (
    values
      ('request_count', x.request_count::numeric, s.request_count::numeric),
      ('input_tokens', x.input_tokens, s.input_tokens),
      ('output_tokens', x.output_tokens, s.output_tokens),
      ('cache_read_tokens', x.cache_read_tokens, s.cache_read_tokens),
      ('cache_write_tokens', x.cache_write_tokens, s.cache_write_tokens),
      ('reasoning_tokens', x.reasoning_tokens, s.reasoning_tokens),
      ('units', x.units, s.units),
      ('cost_usd', x.cost_usd, s.cost_usd),
      ('unpriced_count', x.unpriced_count, s.unpriced_count),
      ('duration_count', x.duration_count, s.duration_count),
      ('duration_ms', x.duration_ms, s.duration_ms)
  ) as m (measure, expected, actual)
  -- Weeks are made of days: tally.week_differences.
  where k.minutes < 10080
    and
    row(x.request_count, x.input_tokens, x.output_tokens, x.cache_read_tokens,
      x.cache_write_tokens, x.reasoning_tokens, x.units, x.cost_usd, x.unpriced_count,
      x.duration_count, x.duration_ms)
    is distinct from
    row(s.request_count, s.input_tokens, s.output_tokens, s.cache_read_tokens,
      s.cache_write_tokens, s.reasoning_tokens, s.units, s.cost_usd, s.unpriced_count,
      s.duration_count, s.duration_ms)
    and coalesce(m.expected, 0) <> coalesce(m.actual, 0);
end;
$$;
comment on function tally.usage_differences(uuid, timestamptz, timestamptz, bigint[],
  tally.placed[]) is
  'Where the rollups of an organization and span of days (UTC), but those of weeks, differ from all the events in it.';
revoke execute on function tally.usage_differences(uuid, timestamptz, timestamptz, bigint[],
  tally.placed[]) from public, anon, authenticated;

create function tally.duration_differences(organization_id uuid, starts_at timestamptz,
  ends_at timestamptz, placed tally.placed[])
returns setof tally.rollup_difference
language plpgsql stable security definer set search_path = '' set jit = off
  set work_mem = '32MB' set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  return query
  select 'durations by ' || case k.minutes when 15 then '15 minutes' when 60 then 'hour'
      else 'day' end,
    k.bucket_start, k.dimension_id, null::bigint, k.slot, k.minutes, 'request_count',
    coalesce(x.request_count, 0)::numeric, coalesce(s.request_count, 0)::numeric
  from tally.duration_levels(duration_differences.placed) as x
  full join (
    select r.*
    from unnest(array[15, 60, 1440]) as l (minutes)
    cross join lateral (
      select t.*
      from tally.duration_rollups as t
      where t.organization_id = duration_differences.organization_id and t.minutes = l.minutes
        and t.bucket_start >= duration_differences.starts_at
        and t.bucket_start < duration_differences.ends_at
      offset 0
    ) as r
  ) as s using (minutes, bucket_start, dimension_id, slot)
  cross join lateral (select minutes, bucket_start, dimension_id, slot) as k
  where coalesce(x.request_count, 0) <> coalesce(s.request_count, 0);
end;
$$;
comment on function tally.duration_differences(uuid, timestamptz, timestamptz, tally.placed[]) is
  'The same of the rollups of durations.';
revoke execute on function tally.duration_differences(uuid, timestamptz, timestamptz,
  tally.placed[]) from public, anon, authenticated;

create function tally.week_differences(organization_id uuid, starts_at timestamptz,
  ends_at timestamptz, days tally.rollup_difference[])
returns setof tally.rollup_difference
language plpgsql stable security definer set search_path = '' set jit = off
  set work_mem = '32MB' set enable_seqscan = off
as $$
declare
  v_starts_at timestamptz := date_bin('7 days', week_differences.starts_at, timestamptz 'epoch');
  v_ends_at timestamptz := date_bin('7 days', week_differences.ends_at - interval '1 microsecond',
    timestamptz 'epoch') + interval '168 hours';
begin
  return query
  select 'usage by week', a.week, 0::bigint, a.actor_id, null::integer, 10080, a.measure,
    sum(a.amount) filter (where a.minutes = 1440), sum(a.amount) filter (where a.minutes = 10080)
  from (
    select r.actor_id, r.minutes, date_bin('7 days', r.bucket_start, timestamptz 'epoch') as week,
      m.measure, m.amount
    from unnest(array[1440, 10080]) as l (minutes)
    cross join lateral (
      select t.*
      from tally.usage_rollups as t
      where t.organization_id = week_differences.organization_id and t.minutes = l.minutes
        and t.bucket_start >= v_starts_at and t.bucket_start < v_ends_at
        and t.actor_id <> 0 and t.dimension_id = 0
      offset 0
    ) as r
    cross join lateral (
      values
      ('request_count', r.request_count::numeric),
      ('input_tokens', r.input_tokens),
      ('output_tokens', r.output_tokens),
      ('cache_read_tokens', r.cache_read_tokens),
      ('cache_write_tokens', r.cache_write_tokens),
      ('reasoning_tokens', r.reasoning_tokens),
      ('units', r.units),
      ('cost_usd', r.cost_usd),
      ('unpriced_count', r.unpriced_count),
      ('duration_count', r.duration_count),
      ('duration_ms', r.duration_ms)
    ) as m (measure, amount)
    union all
    -- What the days should be and are not.
    select d.actor_id, 1440, date_bin('7 days', d.bucket_start, timestamptz 'epoch'), d.measure,
      d.expected - d.actual
    from unnest(week_differences.days) as d
  ) as a
  group by a.actor_id, a.week, a.measure
  having coalesce(sum(a.amount) filter (where a.minutes = 1440), 0)
    <> coalesce(sum(a.amount) filter (where a.minutes = 10080), 0);
end;
$$;
comment on function tally.week_differences(uuid, timestamptz, timestamptz,
  tally.rollup_difference[]) is
  'Where the weekly rollups of an organization that a span touches differ from the sum of their days, once those are what they should be: also where the events of some of them were archived.';
revoke execute on function tally.week_differences(uuid, timestamptz, timestamptz,
  tally.rollup_difference[]) from public, anon, authenticated;

create function tally.organization_differences(organization_id uuid, starts_at timestamptz,
  ends_at timestamptz)
returns setof tally.rollup_difference
language plpgsql stable security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_organization_id uuid := organization_differences.organization_id;
  v_actors bigint[] := array(select a from tally.actors_with_use(v_organization_id) as a);
  v_days tally.rollup_difference[] := '{}'::tally.rollup_difference[];
  v_placed tally.placed[];
  v_span record;
  v_found tally.rollup_difference;
begin
  for v_span in
    select s.*
    from tally.countable_spans(v_organization_id, organization_differences.starts_at,
      organization_differences.ends_at) as s
  loop
    v_placed := tally.place_counted(tally.folded_counts(
      v_organization_id, v_span.first_day, v_span.ends_before));
    for v_found in
      select d.*
      from tally.usage_differences(v_organization_id, v_span.first_day, v_span.ends_before,
        v_actors, v_placed) as d
    loop
      return next v_found;
      if v_found.minutes = 1440 and v_found.actor_id <> 0 and v_found.dimension_id = 0 then
        v_days := v_days || v_found;
      end if;
    end loop;
    return query
    select d.*
    from tally.duration_differences(v_organization_id, v_span.first_day, v_span.ends_before,
      v_placed) as d;
  end loop;
  return query
  select w.*
  from tally.week_differences(v_organization_id, organization_differences.starts_at,
    organization_differences.ends_at, v_days) as w;
end;
$$;
comment on function tally.organization_differences(uuid, timestamptz, timestamptz) is
  'Where the rollups of an organization and span of days (UTC) differ from the events, a part of the span after the other: what is counted at a time fits into memory.';
revoke execute on function tally.organization_differences(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.rollup_differences(only_organization uuid, starts_at timestamptz,
  ends_at timestamptz)
returns table (
  organization_id uuid, rollup text, bucket_start timestamptz, subject text, measure text,
  expected numeric, actual numeric)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  -- The daily rows are checked with their quarters.
  v_days tstzrange := tally.whole_days(rollup_differences.starts_at, rollup_differences.ends_at);
begin
  return query
  select o.id, d.rollup, d.bucket_start, concat_ws(', ', 'dimension ' || d.dimension_id,
      'actor ' || nullif(d.actor_id, 0), 'slot ' || d.slot),
    d.measure, coalesce(d.expected, 0), coalesce(d.actual, 0)
  from (
    select w as id from tally.organizations_with_use() as w
    where rollup_differences.only_organization is null
    union all
    select rollup_differences.only_organization
    where rollup_differences.only_organization is not null
  ) as o
  cross join lateral tally.organization_differences(o.id, lower(v_days), upper(v_days)) as d
  order by 1, 3, 2, 4, 5;
end;
$$;
comment on function tally.rollup_differences(uuid, timestamptz, timestamptz) is
  'Where the rollups of a span, widened to whole days (UTC), and of the weeks around it differ from the events. Archived months are left out.';
revoke execute on function tally.rollup_differences(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.verify_rollup(organization_id uuid, starts_at timestamptz,
  ends_at timestamptz)
returns table (
  violating_organization_id uuid, rollup text, bucket_start timestamptz, subject text, measure text,
  expected numeric, actual numeric)
language plpgsql stable security definer set search_path = ''
as $$
begin
  if verify_rollup.organization_id is null then
    perform tally.require_operator('verify every organization');
  else
    perform tally.require_admin(verify_rollup.organization_id);
  end if;
  perform tally.require_span(verify_rollup.starts_at, verify_rollup.ends_at);
  return query
  select d.*
  from tally.rollup_differences(
    verify_rollup.organization_id, verify_rollup.starts_at, verify_rollup.ends_at) as d;
  return query
  select d.*
  from tally.execution_differences(
    verify_rollup.organization_id, verify_rollup.starts_at, verify_rollup.ends_at) as d;
end;
$$;
comment on function tally.verify_rollup(uuid, timestamptz, timestamptz) is
  'Behind public.verify_rollup.';
revoke execute on function tally.verify_rollup(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.verify_rollup(uuid, timestamptz, timestamptz)
  to authenticated, service_role;

create function public.verify_rollup(
  organization_id uuid default null, starts_at timestamptz default now() - interval '35 days',
  ends_at timestamptz default now() + interval '1 day')
returns table (
  violating_organization_id uuid, rollup text, bucket_start timestamptz, subject text, measure text,
  expected numeric, actual numeric)
language sql stable security invoker set search_path = ''
as $$
  select v.* from tally.verify_rollup(verify_rollup.organization_id, verify_rollup.starts_at,
    verify_rollup.ends_at) as v
$$;
comment on function public.verify_rollup(uuid, timestamptz, timestamptz) is
  'Compares the rollups of a span (widened to whole days, UTC), executions and packages among them, with the events themselves, and those of weeks with their days: one row per difference, none when healthy. Admins for their organization, the operator for all. Reads every event of the span, blocks nobody.';
revoke execute on function public.verify_rollup(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;
grant execute on function public.verify_rollup(uuid, timestamptz, timestamptz)
  to authenticated, service_role;
