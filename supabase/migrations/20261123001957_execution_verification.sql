-- What executions used is what their events say: checked and mended, while writers go on.

create function tally.folded_entries(
  only_organization uuid, starts_at timestamptz, ends_at timestamptz)
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
    and b.execution_id is not null and p.id is null;
end;
$$;
comment on function tally.folded_entries(uuid, timestamptz, timestamptz) is
  'The events and adjustments of executions in a span that no delta names any more: what the totals of executions must hold.';
revoke execute on function tally.folded_entries(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.touched_executions(
  only_organization uuid, starts_at timestamptz, ends_at timestamptz)
returns table (
  organization_id uuid, execution_id uuid, first_at timestamptz, last_at timestamptz)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
#variable_conflict use_column
declare
  v_only uuid := touched_executions.only_organization;
  v_span tstzrange := tstzrange(touched_executions.starts_at, touched_executions.ends_at);
begin
  return query
  select s.organization_id, s.execution_id, least(min(s.at), t.first_event_at),
    greatest(max(s.at), t.last_event_at)
  from (
    select n.organization_id, n.execution_id, n.first_event_at as at
    from tally.execution_totals as n
    where n.counted_bucket <@ v_span
      or tstzrange(n.first_event_at, n.last_event_at, '[]') && v_span
    union all
    select x.organization_id, x.id, x.created_at
    from public.executions as x
    where x.created_at >= lower(v_span) and x.created_at < upper(v_span)
    union all
    select u.organization_id, u.execution_id, u.created_at
    from public.token_usage as u
    where u.created_at >= lower(v_span) and u.created_at < upper(v_span)
      and u.execution_id is not null
  ) as s
  -- It may have begun before the span, and ended after it.
  left join tally.execution_totals as t
    on t.organization_id = s.organization_id and t.execution_id = s.execution_id
  where s.organization_id = v_only or v_only is null
  group by s.organization_id, s.execution_id, t.first_event_at, t.last_event_at;
end;
$$;
comment on function tally.touched_executions(uuid, timestamptz, timestamptz) is
  'The executions that were asked for or used something within a span, and the moments their events are known to be between.';
revoke execute on function tally.touched_executions(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.recounted_executions(
  only_organization uuid, starts_at timestamptz, ends_at timestamptz)
returns setof tally.execution_totals
language plpgsql stable security definer set search_path = '' set jit = off
as $$
begin
  return query
  with touched as materialized (
    select t.*
    from tally.touched_executions(recounted_executions.only_organization,
      recounted_executions.starts_at, recounted_executions.ends_at) as t
  ),
  known as materialized (
    select min(t.first_at) as first_at, max(t.last_at) as last_at,
      tally.kept_months(min(t.first_at), max(t.last_at)) as months
    from touched as t
  ),
  used as (
    select e.organization_id, e.execution_id, sum(e.request_count)::bigint as request_count,
      sum(e.input_tokens)::bigint as input_tokens, sum(e.output_tokens)::bigint as output_tokens,
      sum(e.cost_usd) as cost_usd, sum(e.unpriced_count)::bigint as unpriced_count,
      min(e.created_at) as first_at, max(e.created_at) as last_at
    from known as k
    cross join lateral tally.folded_entries(recounted_executions.only_organization, k.first_at,
      k.last_at + interval '1 microsecond') as e
    group by e.organization_id, e.execution_id
  ),
  unfolded as (
    select distinct n.organization_id, n.execution_id from tally.changed_executions as n
  )
  select k.organization_id, k.execution_id, coalesce(u.request_count, 0),
    coalesce(u.input_tokens, 0), coalesce(u.output_tokens, 0), coalesce(u.cost_usd, 0),
    coalesce(u.unpriced_count, 0), u.first_at, u.last_at, c.*
  from touched as k
  left join used as u
    on u.organization_id = k.organization_id and u.execution_id = k.execution_id
  left join tally.execution_totals as t
    on t.organization_id = k.organization_id and t.execution_id = k.execution_id
  left join public.executions as x
    on x.organization_id = k.organization_id and x.id = k.execution_id
  left join unfolded as n
    on n.organization_id = k.organization_id and n.execution_id = k.execution_id
  cross join lateral (
    select date_bin('15 minutes', x.created_at, timestamptz 'epoch'), x.package_id, x.status,
      x.queue_time_ms, x.duration_ms
    where n.execution_id is null
    union all
    -- What was logged since the last fold is counted by the next one.
    select t.counted_bucket, t.counted_package, t.counted_status, t.counted_queue_time_ms,
      t.counted_duration_ms
    where n.execution_id is not null
  ) as c
  -- What is of a month that was archived stays as it is.
  where t.first_event_at is null
    or tstzrange(t.first_event_at, t.last_event_at, '[]') <@ (select w.months from known as w);
end;
$$;
comment on function tally.recounted_executions(uuid, timestamptz, timestamptz) is
  'What the totals of the executions that a span touches must be, by their folded events and by what was logged.';
revoke execute on function tally.recounted_executions(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.package_sums(totals tally.execution_totals[])
returns setof tally.package_rollups
language plpgsql stable security invoker set search_path = ''
as $$
begin
  return query
  select t.organization_id, l.minutes,
    date_bin(l.minutes * interval '1 minute', t.counted_bucket, timestamptz 'epoch'),
    t.counted_package, t.counted_status, count(*), count(t.counted_queue_time_ms),
    coalesce(sum(t.counted_queue_time_ms), 0), count(t.counted_duration_ms),
    coalesce(sum(t.counted_duration_ms), 0), sum(t.request_count)::bigint,
    sum(t.input_tokens)::bigint, sum(t.output_tokens)::bigint, sum(t.cost_usd),
    sum(t.unpriced_count)::bigint
  from unnest(package_sums.totals) as t
  cross join (values (15), (1440)) as l (minutes)
  where t.counted_bucket is not null
  group by 1, 2, 3, 4, 5;
end;
$$;
comment on function tally.package_sums(tally.execution_totals[]) is
  'The rollups of packages that executions come to which are counted so.';
revoke execute on function tally.package_sums(tally.execution_totals[])
  from public, anon, authenticated;

create function tally.package_differences(
  only_organization uuid, starts_at timestamptz, ends_at timestamptz,
  recounted tally.execution_totals[])
returns table (
  organization_id uuid, rollup text, bucket_start timestamptz, subject text, measure text,
  expected numeric, actual numeric)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
#variable_conflict use_column
declare
  v_span tstzrange := tstzrange(package_differences.starts_at, package_differences.ends_at);
  v_kept tstzmultirange := tally.kept_months(lower(v_span), upper(v_span));
  v_totals tally.execution_totals[] := array(
    select r from unnest(package_differences.recounted) as r
    union all
    select t
    from tally.execution_totals as t
    where t.counted_bucket <@ v_span
      and (t.organization_id = package_differences.only_organization
        or package_differences.only_organization is null)
      and not exists (
        select from unnest(package_differences.recounted) as r
        where r.organization_id = t.organization_id and r.execution_id = t.execution_id
      )
  );
begin
  return query
  select k.organization_id,
    'packages' || case k.minutes when 15 then ' by 15 minutes' else ' by day' end,
    k.bucket_start, concat_ws(', ', 'package ' || k.package_id, k.status), m.measure, m.expected,
    m.actual
  from (select * from tally.package_sums(v_totals) as s where s.bucket_start <@ v_span) as x
  full join (
    select *
    from tally.package_rollups as r
    where r.bucket_start <@ v_span
      and (r.organization_id = package_differences.only_organization
        or package_differences.only_organization is null)
  ) as s using (organization_id, minutes, bucket_start, package_id, status)
  cross join lateral (
    select organization_id, minutes, bucket_start, package_id, status
  ) as k
  cross join lateral (
    values
      ('execution_count', x.execution_count::numeric, s.execution_count::numeric),
      ('queue_count', x.queue_count, s.queue_count),
      ('queue_time_ms', x.queue_time_ms, s.queue_time_ms),
      ('duration_count', x.duration_count, s.duration_count),
      ('duration_ms', x.duration_ms, s.duration_ms),
      ('request_count', x.request_count, s.request_count),
      ('input_tokens', x.input_tokens, s.input_tokens),
      ('output_tokens', x.output_tokens, s.output_tokens),
      ('cost_usd', x.cost_usd, s.cost_usd),
      ('unpriced_count', x.unpriced_count, s.unpriced_count)
  ) as v (measure, expected, actual)
  cross join lateral (
    select v.measure, coalesce(v.expected, 0) as expected, coalesce(v.actual, 0) as actual
  ) as m
  where m.expected <> m.actual and k.bucket_start <@ v_kept
  order by 1, 3, 2, 4, 5;
end;
$$;
comment on function tally.package_differences(uuid, timestamptz, timestamptz,
  tally.execution_totals[]) is
  'Where the rollups of packages of whole days differ from the executions, once these are as recounted.';
revoke execute on function
  tally.package_differences(uuid, timestamptz, timestamptz, tally.execution_totals[])
  from public, anon, authenticated;

create function tally.execution_differences(
  only_organization uuid, starts_at timestamptz, ends_at timestamptz)
returns table (
  organization_id uuid, rollup text, bucket_start timestamptz, subject text, measure text,
  expected numeric, actual numeric)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
#variable_conflict use_column
declare
  v_days tstzrange := tally.whole_days(
    execution_differences.starts_at, execution_differences.ends_at);
  v_recounted tally.execution_totals[] := array(
    select r
    from tally.recounted_executions(
      execution_differences.only_organization, lower(v_days), upper(v_days)) as r
  );
begin
  return query
  select e.organization_id, 'executions',
    date_bin('15 minutes',
      coalesce(e.counted_bucket, t.counted_bucket, e.first_event_at, t.first_event_at),
      timestamptz 'epoch'),
    'execution ' || e.execution_id, m.measure, m.expected, m.actual
  from unnest(v_recounted) as e
  left join tally.execution_totals as t
    on t.organization_id = e.organization_id and t.execution_id = e.execution_id
  cross join lateral (
    select case when e.counted_bucket is null then 0 else 1 end as expected,
      (e.counted_bucket, e.counted_package, e.counted_status, e.counted_queue_time_ms,
        e.counted_duration_ms)
      is distinct from (t.counted_bucket, t.counted_package, t.counted_status,
        t.counted_queue_time_ms, t.counted_duration_ms) as is_wrong
  ) as c
  cross join lateral (
    values
      ('request_count', e.request_count::numeric, coalesce(t.request_count, 0)::numeric),
      ('input_tokens', e.input_tokens, coalesce(t.input_tokens, 0)),
      ('output_tokens', e.output_tokens, coalesce(t.output_tokens, 0)),
      ('cost_usd', e.cost_usd, coalesce(t.cost_usd, 0)),
      ('unpriced_count', e.unpriced_count, coalesce(t.unpriced_count, 0)),
      ('first_event_at', extract(epoch from e.first_event_at),
        extract(epoch from t.first_event_at)),
      ('last_event_at', extract(epoch from e.last_event_at), extract(epoch from t.last_event_at)),
      ('counted', c.expected, case when c.is_wrong then 1 - c.expected else c.expected end)
  ) as m (measure, expected, actual)
  where m.expected is distinct from m.actual
  order by 1, 3, 4, 5;
  return query
  select d.*
  from tally.package_differences(
    execution_differences.only_organization, lower(v_days), upper(v_days), v_recounted) as d;
end;
$$;
comment on function tally.execution_differences(uuid, timestamptz, timestamptz) is
  'Where the totals of executions that a span, widened to whole days (UTC), touches differ from their events, and the rollups of packages from the executions. Moments in seconds; counted: whether the packages count an execution as it was logged.';
revoke execute on function tally.execution_differences(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.recount_executions(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz)
returns void
language plpgsql volatile security definer set search_path = '' set jit = off
as $$
declare
  v_days tstzrange := tally.whole_days(
    recount_executions.starts_at, recount_executions.ends_at);
  v_recounted tally.execution_totals[];
begin
  -- Folds wait, writers do not: what they append meanwhile is pending and stays so.
  perform tally.lock_folding(recount_executions.organization_id);
  v_recounted := array(
    select r
    from tally.recounted_executions(
      recount_executions.organization_id, lower(v_days), upper(v_days)) as r
  );
  delete from tally.execution_totals as t
  using unnest(v_recounted) as r
  where t.organization_id = r.organization_id and t.execution_id = r.execution_id;
  insert into tally.execution_totals
  select r.* from unnest(v_recounted) as r
  where r.request_count > 0 or r.counted_bucket is not null
  order by r.execution_id;
  delete from tally.package_rollups as r
  where r.organization_id = recount_executions.organization_id and r.bucket_start <@ v_days;
  insert into tally.package_rollups
  select s.*
  from tally.package_sums(array(
    select t
    from tally.execution_totals as t
    where t.organization_id = recount_executions.organization_id and t.counted_bucket <@ v_days
  )) as s
  order by s.minutes, s.bucket_start, s.package_id, s.status;
end;
$$;
comment on function tally.recount_executions(uuid, timestamptz, timestamptz) is
  'Makes the totals of the executions of one organization that a span, widened to whole days (UTC), touches, and the rollups of their packages, again from the events and from what was logged.';
revoke execute on function tally.recount_executions(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;
