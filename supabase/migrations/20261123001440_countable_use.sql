-- What rollups must hold: the events of whole days that are still here and no longer pending.

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

create function tally.whole_days(starts_at timestamptz, ends_at timestamptz)
returns tstzrange
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return tstzrange(
    date_bin('1 day', whole_days.starts_at, timestamptz 'epoch'),
    date_bin('1 day', whole_days.ends_at + interval '24 hours' - interval '1 microsecond',
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
    where tally.has_month(m.month at time zone 'UTC')
  );
end;
$$;
comment on function tally.kept_months(timestamptz, timestamptz) is
  'The months (UTC) that a span touches whose events are here: one that was archived has left them, and its rollups stay.';
revoke execute on function tally.kept_months(timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.folded_counts(organization_id uuid, starts_at timestamptz,
  ends_at timestamptz)
returns tally.counted[]
language plpgsql stable security definer set search_path = '' set jit = off
  set enable_seqscan = off
as $$
begin
  return array(
    with pending as materialized (
      select e.id
      from tally.usage_deltas as d
      cross join lateral unnest(d.event_ids || d.adjustment_ids) as e (id)
      where d.organization_id = folded_counts.organization_id and e.id is not null
    )
    select row(b.organization_id, b.bucket_start, b.provider, b.model, b.tool_name, b.operation,
      b.resource_type, b.service_tier, b.status, b.unit_type, b.is_byok, b.user_id, b.api_key_id,
      tally.duration_slot(b.duration_ms), b.request_count, b.input_tokens, b.output_tokens,
      b.cache_read_tokens, b.cache_write_tokens, b.reasoning_tokens, b.units, b.cost_usd,
      b.unpriced_count, b.duration_ms)::tally.counted
    from tally.recorded_buckets as b
    where b.organization_id = folded_counts.organization_id
      and b.created_at >= folded_counts.starts_at and b.created_at < folded_counts.ends_at
      and coalesce(b.event_id, b.adjustment_id) not in (select p.id from pending as p)
  );
end;
$$;
comment on function tally.folded_counts(uuid, timestamptz, timestamptz) is
  'What the rollups of an organization must hold of a span, event by event.';
revoke execute on function tally.folded_counts(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.organizations_with_use()
returns setof uuid
language plpgsql stable security definer set search_path = '' set enable_seqscan = off
as $$
begin
  return query
  -- From each to the next by the index, however many rows one has.
  with recursive organizations (id) as (
    select '00000000-0000-0000-0000-000000000000'::uuid
    union all
    select least(
      (select u.organization_id from public.token_usage as u where u.organization_id > o.id
        order by u.organization_id limit 1),
      (select r.organization_id from tally.usage_rollups as r where r.organization_id > o.id
        order by r.organization_id limit 1),
      (select r.organization_id from tally.duration_rollups as r where r.organization_id > o.id
        order by r.organization_id limit 1))
    from organizations as o
    where o.id is not null
  )
  select o.id from organizations as o where o.id is not null;
end;
$$;
comment on function tally.organizations_with_use() is
  'Every organization that has events or rollups.';
revoke execute on function tally.organizations_with_use() from public, anon, authenticated;

create function tally.actors_with_use(organization_id uuid)
returns setof bigint
language plpgsql stable security definer set search_path = '' set enable_seqscan = off
as $$
begin
  return query
  with recursive actors (id) as (
    select (
      select min(r.actor_id) from tally.usage_rollups as r
      where r.organization_id = actors_with_use.organization_id)
    union all
    select (
      select r.actor_id from tally.usage_rollups as r
      where r.organization_id = actors_with_use.organization_id and r.actor_id > a.id
      order by r.actor_id limit 1)
    from actors as a
    where a.id is not null
  )
  select a.id from actors as a where a.id is not null;
end;
$$;
comment on function tally.actors_with_use(uuid) is
  'The actors that an organization has rollups of, 0 among them.';
revoke execute on function tally.actors_with_use(uuid) from public, anon, authenticated;

create function tally.countable_spans(organization_id uuid, starts_at timestamptz,
  ends_at timestamptz)
returns table (first_day timestamptz, ends_before timestamptz)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_kept tstzmultirange := tally.kept_months(countable_spans.starts_at, countable_spans.ends_at)
    * tstzmultirange(tstzrange(countable_spans.starts_at, countable_spans.ends_at));
begin
  return query
  select min(d.day), max(d.day) + interval '24 hours'
  from (
    select k.kept, g.day, sum(coalesce(r.request_count, 0)) over (order by g.day)
      - coalesce(r.request_count, 0) as before
    from unnest(v_kept) as k (kept)
    cross join lateral generate_series(lower(k.kept), upper(k.kept) - interval '24 hours',
      interval '24 hours') as g (day)
    left join tally.usage_rollups as r on r.organization_id = countable_spans.organization_id
      and r.actor_id = 0 and r.minutes = 1440 and r.bucket_start = g.day and r.dimension_id = 0
  ) as d
  group by d.kept, floor(d.before / 100000)
  order by 1;
end;
$$;
comment on function tally.countable_spans(uuid, timestamptz, timestamptz) is
  'The days (UTC) of a span whose events are here, together as long as they have few enough events to be counted in memory.';
revoke execute on function tally.countable_spans(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;
