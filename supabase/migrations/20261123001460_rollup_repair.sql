-- Repair: the rollups of a day are made again from its events, while writers go on.

create function tally.rebuild_week(organization_id uuid, week timestamptz)
returns void
language plpgsql volatile security definer set search_path = '' set jit = off
  set enable_seqscan = off
as $$
begin
  perform tally.lock_folding(rebuild_week.organization_id);
  delete from tally.usage_rollups as r
  where r.organization_id = rebuild_week.organization_id and r.minutes = 10080
    and r.bucket_start = rebuild_week.week and r.actor_id <> 0 and r.dimension_id = 0;
  insert into tally.usage_rollups
  select r.organization_id, r.actor_id, 10080, rebuild_week.week, 0,
    sum(r.request_count)::bigint, sum(r.input_tokens)::bigint, sum(r.output_tokens)::bigint,
    sum(r.cache_read_tokens)::bigint, sum(r.cache_write_tokens)::bigint,
    sum(r.reasoning_tokens)::bigint, sum(r.units), sum(r.cost_usd),
    sum(r.unpriced_count)::bigint, sum(r.duration_count)::bigint, sum(r.duration_ms)::bigint
  from tally.usage_rollups as r
  where r.organization_id = rebuild_week.organization_id and r.minutes = 1440
    and r.bucket_start >= rebuild_week.week
    and r.bucket_start < rebuild_week.week + interval '168 hours'
    and r.actor_id <> 0 and r.dimension_id = 0
  group by r.organization_id, r.actor_id
  order by r.actor_id;
end;
$$;
comment on function tally.rebuild_week(uuid, timestamptz) is
  'Makes the weekly rollups of one organization and week (from a Thursday, UTC) again from the daily ones: those outlive the events of a month that is archived.';
revoke execute on function tally.rebuild_week(uuid, timestamptz) from public, anon, authenticated;

create function tally.clear_day(organization_id uuid, day timestamptz)
returns void
language plpgsql volatile security definer set search_path = '' set jit = off
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
  -- The key has actors before times: each by itself.
  delete from tally.usage_rollups as r
  using tally.actors_with_use(clear_day.organization_id) as a
  where r.organization_id = clear_day.organization_id and r.actor_id = a
    and r.minutes in (15, 60, 1440)
    and r.bucket_start >= clear_day.day
    and r.bucket_start < clear_day.day + interval '24 hours';
  delete from tally.duration_rollups as r
  where r.organization_id = clear_day.organization_id and r.minutes in (15, 60, 1440)
    and r.bucket_start >= clear_day.day
    and r.bucket_start < clear_day.day + interval '24 hours';
end;
$$;
comment on function tally.clear_day(uuid, timestamptz) is
  'Removes the rollups of one organization and day (UTC).';
revoke execute on function tally.clear_day(uuid, timestamptz) from public, anon, authenticated;

create function tally.rebuild_day(organization_id uuid, day timestamptz)
returns void
language plpgsql volatile security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_counted tally.counted[];
begin
  -- Folds wait, writers do not: what they append meanwhile is pending and stays so.
  perform tally.lock_folding(rebuild_day.organization_id);
  perform tally.clear_day(rebuild_day.organization_id, rebuild_day.day);
  v_counted := tally.folded_counts(rebuild_day.organization_id, rebuild_day.day,
    rebuild_day.day + interval '24 hours');
  if cardinality(v_counted) > 0 then
    perform tally.add_to_rollups(v_counted);
  end if;
  perform tally.rebuild_week(rebuild_day.organization_id,
    date_bin('7 days', rebuild_day.day, timestamptz 'epoch'));
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
      bool_or(d.is_usage and d.rollup <> 'usage by week') as has_usage,
      bool_or(d.rollup = 'usage by week') as has_week,
      bool_or(not d.is_usage) as has_executions
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
    if v_broken.has_week then
      perform tally.rebuild_week(v_broken.organization_id, v_broken.day);
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
  'Makes the rollups of every day (UTC) and week that verify_rollup() complains of again from the events (operator), while writers go on: the number of days mended, a week by its first, 0 when healthy.';
revoke execute on function public.repair_rollup(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;
grant execute on function public.repair_rollup(uuid, timestamptz, timestamptz)
  to authenticated, service_role;
