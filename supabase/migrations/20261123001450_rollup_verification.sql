-- Rollup = raw: checked and mended by range, while writers go on.

create view tally.recorded_buckets with (security_invoker = true) as
select
  u.organization_id,
  u.id as event_id,
  null::uuid as adjustment_id,
  u.created_at,
  date_bin('15 minutes', u.created_at, timestamptz 'epoch') as bucket_start,
  u.user_id,
  u.api_key_id,
  u.provider,
  u.model,
  u.tool_name,
  u.operation,
  u.resource_type,
  u.service_tier,
  u.status,
  u.unit_type,
  u.is_byok,
  u.execution_id,
  1 as request_count,
  u.input_tokens,
  u.output_tokens,
  coalesce((u.classes -> 'cache_read')::bigint, 0) as cache_read_tokens,
  coalesce((u.classes -> 'cache_write')::bigint, 0)
    + coalesce((u.classes -> 'cache_write_1h')::bigint, 0)
    as cache_write_tokens,
  coalesce((u.classes -> 'reasoning')::bigint, 0) as reasoning_tokens,
  coalesce(u.units, 0) as units,
  coalesce(u.cost_usd, 0) as cost_usd,
  case when u.cost_usd is null then 1 else 0 end as unpriced_count,
  u.duration_ms
from public.token_usage as u
union all
select
  a.organization_id, null, a.id, a.event_created_at, date_bin('15 minutes', a.event_created_at,
    timestamptz 'epoch'),
  a.user_id, a.api_key_id, a.provider, a.model, a.tool_name, u.operation, a.resource_type,
    u.service_tier, u.status,
  u.unit_type, u.is_byok, u.execution_id, 0, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint,
    0::numeric, a.delta_usd,
  case when a.old_cost_usd is null then -1 else 0 end, null::integer
from public.cost_adjustments as a
join public.token_usage as u
  on u.organization_id = a.organization_id and u.created_at = a.event_created_at
    and u.id = a.event_id;
comment on view tally.recorded_buckets is
  'All events and adjustments as a rollup counts them, one row each: the truth that rollups are checked against.';
revoke all on tally.recorded_buckets from anon, authenticated, service_role;

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

create function tally.folded_entries(
  only_organization uuid, starts_at timestamptz, ends_at timestamptz, only_executions boolean)
returns setof tally.recorded_buckets
language plpgsql stable security definer set search_path = '' set jit = off
as $$
begin
  return query
  with pending as materialized (
    select d.organization_id, e.id
    from tally.usage_deltas as d
    cross join lateral unnest(d.event_ids || d.adjustment_ids) as e (id)
  )
  select b.*
  from tally.recorded_buckets as b
  left join pending as p on p.organization_id = b.organization_id
    and p.id = coalesce(b.event_id, b.adjustment_id)
  where (b.organization_id = folded_entries.only_organization
    or folded_entries.only_organization is null)
    and b.created_at >= folded_entries.starts_at and b.created_at < folded_entries.ends_at
    and (b.execution_id is not null or not folded_entries.only_executions)
    and p.id is null;
end;
$$;
comment on function tally.folded_entries(uuid, timestamptz, timestamptz, boolean) is
  'The events and adjustments of a span, or those of executions, that no delta names any more: what the rollups must hold.';
revoke execute on function tally.folded_entries(uuid, timestamptz, timestamptz, boolean)
  from public, anon, authenticated;

create function tally.whole_days(starts_at timestamptz, ends_at timestamptz)
returns tstzrange
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return tstzrange(
    date_bin('1 day', whole_days.starts_at, timestamptz 'epoch'),
    date_bin('1 day', whole_days.ends_at + interval '1 day' - interval '1 microsecond',
      timestamptz 'epoch'));
end;
$$;
comment on function tally.whole_days(timestamptz, timestamptz) is
  'A span widened to whole days (UTC).';
revoke execute on function tally.whole_days(timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.kept_months(starts_at timestamptz, ends_at timestamptz)
returns tstzmultirange
language plpgsql stable security invoker set search_path = ''
as $$
begin
  return (
    select range_agg(tstzrange(
      m.month at time zone 'UTC', (m.month + interval '1 month') at time zone 'UTC'))
    from generate_series(date_trunc('month', kept_months.starts_at at time zone 'UTC'),
      kept_months.ends_at at time zone 'UTC', interval '1 month') as m (month)
    where to_regclass('tally.token_usage_' || to_char(m.month, 'YYYY_MM')) is not null
  );
end;
$$;
comment on function tally.kept_months(timestamptz, timestamptz) is
  'The months (UTC) that a span touches whose events are here: one that was archived has left them, and its rollups stay.';
revoke execute on function tally.kept_months(timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.rollup_differences(only_organization uuid, starts_at timestamptz,
  ends_at timestamptz)
returns table (
  organization_id uuid, rollup text, bucket_start timestamptz, subject text, measure text,
  expected numeric, actual numeric)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
#variable_conflict use_column
declare
  -- The daily rows are checked with their quarters.
  v_days tstzrange := tally.whole_days(rollup_differences.starts_at, rollup_differences.ends_at);
  v_starts_at timestamptz := lower(v_days);
  v_ends_at timestamptz := upper(v_days);
  v_kept tstzmultirange := tally.kept_months(v_starts_at, v_ends_at);
begin
  return query
  with entries as materialized (
    select e.*, tally.duration_slot(e.duration_ms) as slot, d.id as dimension_id, a.id as actor_id
    from tally.folded_entries(rollup_differences.only_organization, v_starts_at, v_ends_at, false)
      as e
    left join tally.usage_dimensions as d
      on d.organization_id = e.organization_id
      and d.key = tally.dimension_key(e.provider, e.model, e.tool_name, e.operation,
        e.resource_type, e.service_tier, e.status, e.unit_type, e.is_byok)
    left join tally.usage_actors as a
      on a.organization_id = e.organization_id and a.key = tally.actor_key(e.user_id, e.api_key_id)
  ),
  expected as (
    select e.organization_id, b.actor_id, b.minutes, b.bucket_start, b.dimension_id,
      null::integer as slot, array[sum(e.request_count), sum(e.input_tokens), sum(e.output_tokens),
        sum(e.cache_read_tokens), sum(e.cache_write_tokens), sum(e.reasoning_tokens), sum(e.units),
        sum(e.cost_usd), sum(e.unpriced_count), count(e.slot),
        coalesce(sum(e.duration_ms), 0)]::numeric[] as sums
    from entries as e
    cross join lateral (
      values
        (0::bigint, 15, e.bucket_start, e.dimension_id),
        (0, 60, date_bin('1 hour', e.bucket_start, timestamptz 'epoch'), e.dimension_id),
        (0, 1440, date_bin('1 day', e.bucket_start, timestamptz 'epoch'), e.dimension_id),
        (0, 15, e.bucket_start, 0),
        (0, 60, date_bin('1 hour', e.bucket_start, timestamptz 'epoch'), 0),
        (0, 1440, date_bin('1 day', e.bucket_start, timestamptz 'epoch'), 0),
        (e.actor_id, 15, e.bucket_start, e.dimension_id),
        (e.actor_id, 1440, date_bin('1 day', e.bucket_start, timestamptz 'epoch'), e.dimension_id),
        (e.actor_id, 60, date_bin('1 hour', e.bucket_start, timestamptz 'epoch'), 0),
        (e.actor_id, 1440, date_bin('1 day', e.bucket_start, timestamptz 'epoch'), 0)
    ) as b (actor_id, minutes, bucket_start, dimension_id)
    group by e.organization_id, b.actor_id, b.minutes, b.bucket_start, b.dimension_id
    union all
    select e.organization_id, null, b.minutes, b.bucket_start, b.dimension_id, e.slot,
      array[count(*)]::numeric[]
    from entries as e
    cross join lateral (
      values
        (15, e.bucket_start, e.dimension_id),
        (1440, date_bin('1 day', e.bucket_start, timestamptz 'epoch'), e.dimension_id),
        (60, date_bin('1 hour', e.bucket_start, timestamptz 'epoch'), 0),
        (1440, date_bin('1 day', e.bucket_start, timestamptz 'epoch'), 0)
    ) as b (minutes, bucket_start, dimension_id)
    where e.slot is not null
    group by e.organization_id, b.minutes, b.bucket_start, b.dimension_id, e.slot
  ),
  stored as (
    select r.organization_id, r.actor_id, r.minutes, r.bucket_start, r.dimension_id,
      null::integer as slot, array[r.request_count, r.input_tokens, r.output_tokens,
        r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.units, r.cost_usd,
        r.unpriced_count, r.duration_count, r.duration_ms]::numeric[] as sums
    from tally.usage_rollups as r
    where r.bucket_start >= v_starts_at and r.bucket_start < v_ends_at and r.bucket_start <@ v_kept
      and (r.organization_id = rollup_differences.only_organization
        or rollup_differences.only_organization is null)
    union all
    select r.organization_id, null, r.minutes, r.bucket_start, r.dimension_id, r.slot,
      array[r.request_count]::numeric[]
    from tally.duration_rollups as r
    where r.bucket_start >= v_starts_at and r.bucket_start < v_ends_at and r.bucket_start <@ v_kept
      and (r.organization_id = rollup_differences.only_organization
        or rollup_differences.only_organization is null)
  )
  select f.organization_id, f.rollup, f.bucket_start, f.subject, m.measure, m.expected, m.actual
  from (
    select
      coalesce(x.organization_id, s.organization_id) as organization_id,
      case when coalesce(x.slot, s.slot) is not null then 'durations' else 'usage' end
        || case coalesce(x.minutes, s.minutes) when 15 then ' by 15 minutes' when 60 then ' by hour'
          else ' by day' end as rollup,
      coalesce(x.bucket_start, s.bucket_start) as bucket_start,
      concat_ws(', ', 'dimension ' || coalesce(x.dimension_id, s.dimension_id),
        'actor ' || nullif(coalesce(x.actor_id, s.actor_id), 0),
        'slot ' || coalesce(x.slot, s.slot)) as subject,
      x.sums as expected,
      s.sums as actual
    from expected as x
    full join stored as s
      on s.organization_id = x.organization_id
      and s.minutes = x.minutes
      and s.bucket_start = x.bucket_start
      and s.dimension_id = x.dimension_id
      and coalesce(s.actor_id, -1) = coalesce(x.actor_id, -1)
      and coalesce(s.slot, -1) = coalesce(x.slot, -1)
    where s.sums is distinct from x.sums
  ) as f
  cross join lateral (
    select n.measure, coalesce(f.expected[n.place], 0) as expected,
      coalesce(f.actual[n.place], 0) as actual
    from unnest(array['request_count', 'input_tokens', 'output_tokens', 'cache_read_tokens',
      'cache_write_tokens', 'reasoning_tokens', 'units', 'cost_usd', 'unpriced_count',
      'duration_count', 'duration_ms'])
      with ordinality as n (measure, place)
  ) as m
  where m.expected <> m.actual
  order by f.organization_id, f.bucket_start, f.rollup, f.subject, m.measure;
end;
$$;
comment on function tally.rollup_differences(uuid, timestamptz, timestamptz) is
  'Where the rollups of a span, widened to whole days (UTC), differ from the events. Archived months are left out.';
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
  'Compares the rollups of a span (widened to whole days, UTC), executions and packages among them, with the events themselves: one row per difference, none when healthy. Admins for their organization, the operator for all. Reads every event of the span, blocks nobody.';
revoke execute on function public.verify_rollup(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;
grant execute on function public.verify_rollup(uuid, timestamptz, timestamptz)
  to authenticated, service_role;

create function tally.rebuild_day(organization_id uuid, day timestamptz)
returns void
language plpgsql volatile security definer set search_path = '' set jit = off
as $$
declare
  v_counted tally.counted[];
begin
  -- Folds wait, writers do not: what they append meanwhile is pending and stays so.
  perform tally.lock_folding(rebuild_day.organization_id);
  delete from tally.usage_rollups as r
  where r.organization_id = rebuild_day.organization_id
    and r.bucket_start >= rebuild_day.day and r.bucket_start < rebuild_day.day + interval '1 day';
  delete from tally.duration_rollups as r
  where r.organization_id = rebuild_day.organization_id
    and r.bucket_start >= rebuild_day.day and r.bucket_start < rebuild_day.day + interval '1 day';
  v_counted := array(
    select row(e.bucket_start, e.provider, e.model, e.tool_name, e.operation, e.resource_type,
      e.service_tier, e.status, e.unit_type, e.is_byok, e.user_id, e.api_key_id,
      tally.duration_slot(e.duration_ms), sum(e.request_count), sum(e.input_tokens),
      sum(e.output_tokens), sum(e.cache_read_tokens), sum(e.cache_write_tokens),
      sum(e.reasoning_tokens), sum(e.units), sum(e.cost_usd), sum(e.unpriced_count),
      sum(e.duration_ms))::tally.counted
    from tally.folded_entries(rebuild_day.organization_id, rebuild_day.day,
      rebuild_day.day + interval '1 day', false) as e
    group by e.bucket_start, e.provider, e.model, e.tool_name, e.operation, e.resource_type,
      e.service_tier, e.status, e.unit_type, e.is_byok, e.user_id, e.api_key_id,
      tally.duration_slot(e.duration_ms)
  );
  if cardinality(v_counted) > 0 then
    perform tally.add_to_rollups(rebuild_day.organization_id, v_counted);
  end if;
end;
$$;
comment on function tally.rebuild_day(uuid, timestamptz) is
  'Makes the rollups of one organization and day (UTC) again from its events.';
revoke execute on function tally.rebuild_day(uuid, timestamptz) from public, anon, authenticated;

create function tally.repair_rollup(organization_id uuid, starts_at timestamptz,
  ends_at timestamptz)
returns integer
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_broken record;
  v_recounted uuid;
  v_mended integer := 0;
begin
  perform tally.require_operator('repair rollups');
  perform tally.require_span(repair_rollup.starts_at, repair_rollup.ends_at);
  for v_broken in
    select d.organization_id, date_bin('1 day', d.bucket_start, timestamptz 'epoch') as day,
      bool_or(d.is_usage) as has_usage, bool_or(not d.is_usage) as has_executions
    from (
      select u.*, true as is_usage
      from tally.rollup_differences(
        repair_rollup.organization_id, repair_rollup.starts_at, repair_rollup.ends_at) as u
      union all
      select e.*, false
      from tally.execution_differences(
        repair_rollup.organization_id, repair_rollup.starts_at, repair_rollup.ends_at) as e
    ) as d
    group by 1, 2
    order by 1, 2
  loop
    if v_broken.has_usage then
      perform tally.rebuild_day(v_broken.organization_id, v_broken.day);
    end if;
    if v_broken.has_executions and v_broken.organization_id is distinct from v_recounted then
      v_recounted := v_broken.organization_id;
      perform tally.recount_executions(
        v_recounted, repair_rollup.starts_at, repair_rollup.ends_at);
    end if;
    v_mended := v_mended + 1;
  end loop;
  return v_mended;
end;
$$;
comment on function tally.repair_rollup(uuid, timestamptz, timestamptz) is
  'Behind public.repair_rollup.';
revoke execute on function tally.repair_rollup(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.repair_rollup(uuid, timestamptz, timestamptz)
  to authenticated, service_role;

create function public.repair_rollup(
  organization_id uuid default null, starts_at timestamptz default now() - interval '35 days',
  ends_at timestamptz default now() + interval '1 day')
returns integer
language sql volatile security invoker set search_path = ''
as $$
  select tally.repair_rollup(repair_rollup.organization_id, repair_rollup.starts_at,
    repair_rollup.ends_at)
$$;
comment on function public.repair_rollup(uuid, timestamptz, timestamptz) is
  'Makes the rollups of every day (UTC) that verify_rollup() complains of again from the events (operator), while writers go on: the number of days mended, 0 when healthy.';
revoke execute on function public.repair_rollup(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;
grant execute on function public.repair_rollup(uuid, timestamptz, timestamptz)
  to authenticated, service_role;
