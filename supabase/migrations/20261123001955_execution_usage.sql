-- What executions used: the sums of the events that name them, folded with everything else. Readers
-- add what is pending, so they are exact.

create table tally.execution_totals (
  organization_id uuid not null,
  execution_id uuid not null,
  request_count bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cost_usd numeric not null,
  unpriced_count bigint not null,
  first_event_at timestamptz,
  last_event_at timestamptz,
  counted_bucket timestamptz,
  counted_package text,
  counted_status text,
  counted_queue_time_ms bigint,
  counted_duration_ms bigint,
  primary key (organization_id, execution_id)
) with (fillfactor = 80);
comment on table tally.execution_totals is
  'Folded sums of the events of an execution, logged or not. counted_…: how statistics of packages count it; null while it is not logged.';
comment on column tally.execution_totals.first_event_at is
  'With last_event_at: where its events are to be found. token_usage needs no index on execution_id.';

create table tally.package_rollups (
  organization_id uuid not null,
  minutes integer not null,
  bucket_start timestamptz not null,
  package_id text not null,
  status text not null,
  execution_count bigint not null,
  queue_count bigint not null,
  queue_time_ms numeric not null,
  duration_count bigint not null,
  duration_ms numeric not null,
  request_count bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cost_usd numeric not null,
  unpriced_count bigint not null,
  primary key (organization_id, minutes, bucket_start, package_id, status)
) with (fillfactor = 80);
comment on table tally.package_rollups is
  'Executions by the time they were asked for, with all that they used since. minutes: 15 or 1440, the length of the bucket (UTC).';

alter table tally.execution_totals enable row level security;
alter table tally.package_rollups enable row level security;
revoke all on tally.execution_totals, tally.package_rollups from anon, authenticated, service_role;
-- Read through the invoker view execution_summary; the schema itself is not exposed.
grant select on tally.execution_totals to authenticated, service_role;
create policy "members read the totals of their organizations" on tally.execution_totals
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create type tally.execution_usage as (
  execution_id uuid,
  request_count bigint,
  input_tokens bigint,
  output_tokens bigint,
  cost_usd numeric,
  unpriced_count bigint,
  first_event_at timestamptz,
  last_event_at timestamptz
);
comment on type tally.execution_usage is
  'What events add to an execution; nothing but its id when only the execution changed.';

create view tally.pending_executions with (security_invoker = true) as
select
  e.organization_id,
  e.execution_id,
  sum(e.requests)::bigint as request_count,
  sum(e.input_tokens)::bigint as input_tokens,
  sum(e.output_tokens)::bigint as output_tokens,
  sum(e.cost_usd) as cost_usd,
  sum(e.unpriced)::bigint as unpriced_count,
  min(e.created_at) as first_event_at,
  max(e.created_at) as last_event_at
from tally.pending_events as e
where e.execution_id is not null
group by e.organization_id, e.execution_id;
comment on view tally.pending_executions is
  'What unfolded events and adjustments add to executions.';
revoke all on tally.pending_executions from anon, authenticated, service_role;
grant select on tally.pending_executions to authenticated, service_role;

create function tally.package_moves(organization_id uuid, used tally.execution_usage[])
returns setof tally.package_rollups
language plpgsql stable security definer set search_path = ''
as $$
begin
  return query
  -- As it was counted goes, as it is comes.
  select t.organization_id, 15, t.counted_bucket, t.counted_package, t.counted_status,
    -1::bigint, -(t.counted_queue_time_ms is not null)::integer::bigint,
    -coalesce(t.counted_queue_time_ms, 0)::numeric,
    -(t.counted_duration_ms is not null)::integer::bigint,
    -coalesce(t.counted_duration_ms, 0)::numeric, -t.request_count, -t.input_tokens,
    -t.output_tokens, -t.cost_usd, -t.unpriced_count
  from unnest(package_moves.used) as u
  join tally.execution_totals as t
    on t.organization_id = package_moves.organization_id and t.execution_id = u.execution_id
  where t.counted_package is not null
  union all
  select x.organization_id, 15, date_bin('15 minutes', x.created_at, timestamptz 'epoch'),
    x.package_id, x.status, 1::bigint, (x.queue_time_ms is not null)::integer::bigint,
    coalesce(x.queue_time_ms, 0)::numeric, (x.duration_ms is not null)::integer::bigint,
    coalesce(x.duration_ms, 0)::numeric, coalesce(t.request_count, 0)
      + coalesce(u.request_count, 0),
    coalesce(t.input_tokens, 0) + coalesce(u.input_tokens, 0),
    coalesce(t.output_tokens, 0) + coalesce(u.output_tokens, 0),
    coalesce(t.cost_usd, 0) + coalesce(u.cost_usd, 0),
    coalesce(t.unpriced_count, 0) + coalesce(u.unpriced_count, 0)
  from unnest(package_moves.used) as u
  join public.executions as x on x.organization_id = package_moves.organization_id
    and x.id = u.execution_id
  left join tally.execution_totals as t on t.organization_id = x.organization_id
    and t.execution_id = x.id;
end;
$$;
comment on function tally.package_moves(uuid, tally.execution_usage[]) is
  'What the given executions change in the 15-minute rollups of packages, once what they used is added.';
revoke execute on function tally.package_moves(uuid, tally.execution_usage[])
  from public, anon, authenticated;

create function tally.pending_moves(organization_id uuid)
returns setof tally.package_rollups
language plpgsql stable security definer set search_path = ''
as $$
begin
  return query
  select m.*
  from tally.package_moves(pending_moves.organization_id, array(
    select (coalesce(p.execution_id, c.execution_id), p.request_count, p.input_tokens,
      p.output_tokens, p.cost_usd, p.unpriced_count, p.first_event_at,
      p.last_event_at)::tally.execution_usage
    from (
      select * from tally.pending_executions as n
        where n.organization_id = pending_moves.organization_id
    ) as p
    full join (
      select distinct n.execution_id
      from tally.changed_executions as n where n.organization_id = pending_moves.organization_id
    ) as c on c.execution_id = p.execution_id
  )) as m;
end;
$$;
comment on function tally.pending_moves(uuid) is
  'What is pending changes this in the 15-minute rollups of packages.';
revoke execute on function tally.pending_moves(uuid) from public, anon, authenticated;

create function tally.count_executions(organization_id uuid, used tally.execution_usage[])
returns void
language plpgsql volatile security definer set search_path = '' set enable_seqscan = off
as $$
begin
  -- One statement, hence one snapshot: an execution is counted as what its total says it is counted
  -- as.
  with counted as (
    insert into tally.package_rollups as r
    select m.organization_id, l.minutes,
      date_bin(l.minutes * interval '1 minute', m.bucket_start, timestamptz 'epoch'),
      m.package_id, m.status, sum(m.execution_count), sum(m.queue_count), sum(m.queue_time_ms),
      sum(m.duration_count), sum(m.duration_ms), sum(m.request_count), sum(m.input_tokens),
      sum(m.output_tokens), sum(m.cost_usd), sum(m.unpriced_count)
    from tally.package_moves(count_executions.organization_id, count_executions.used) as m
    cross join (values (15), (1440)) as l (minutes)
    group by 1, 2, 3, 4, 5
    order by 1, 2, 3, 4, 5
    on conflict on constraint package_rollups_pkey do update
    set execution_count = r.execution_count + excluded.execution_count,
      queue_count = r.queue_count + excluded.queue_count,
      queue_time_ms = r.queue_time_ms + excluded.queue_time_ms,
      duration_count = r.duration_count + excluded.duration_count,
      duration_ms = r.duration_ms + excluded.duration_ms,
      request_count = r.request_count + excluded.request_count,
      input_tokens = r.input_tokens + excluded.input_tokens,
      output_tokens = r.output_tokens + excluded.output_tokens,
      cost_usd = r.cost_usd + excluded.cost_usd,
      unpriced_count = r.unpriced_count + excluded.unpriced_count
  )
  insert into tally.execution_totals as t
  select count_executions.organization_id, u.execution_id, coalesce(u.request_count, 0),
    coalesce(u.input_tokens, 0), coalesce(u.output_tokens, 0), coalesce(u.cost_usd, 0),
    coalesce(u.unpriced_count, 0), u.first_event_at, u.last_event_at,
    date_bin('15 minutes', x.created_at, timestamptz 'epoch'), x.package_id, x.status,
    x.queue_time_ms, x.duration_ms
  from unnest(count_executions.used) as u
  left join public.executions as x on x.organization_id = count_executions.organization_id
    and x.id = u.execution_id
  order by u.execution_id
  on conflict on constraint execution_totals_pkey do update
  set request_count = t.request_count + excluded.request_count,
    input_tokens = t.input_tokens + excluded.input_tokens,
    output_tokens = t.output_tokens + excluded.output_tokens,
    cost_usd = t.cost_usd + excluded.cost_usd,
    unpriced_count = t.unpriced_count + excluded.unpriced_count,
    first_event_at = least(t.first_event_at, excluded.first_event_at),
    last_event_at = greatest(t.last_event_at, excluded.last_event_at),
    counted_bucket = excluded.counted_bucket,
    counted_package = excluded.counted_package,
    counted_status = excluded.counted_status,
    counted_queue_time_ms = excluded.counted_queue_time_ms,
    counted_duration_ms = excluded.counted_duration_ms;
end;
$$;
comment on function tally.count_executions(uuid, tally.execution_usage[]) is
  'Folds what executions used into their totals and into the rollups of packages. Under tally.lock_folding.';
revoke execute on function tally.count_executions(uuid, tally.execution_usage[])
  from public, anon, authenticated;

create function tally.fold_executions(organization_id uuid, seqs bigint[])
returns void
language plpgsql volatile security definer set search_path = '' set enable_seqscan = off
as $$
declare
  v_used tally.execution_usage[];
begin
  with changed as (
    delete from tally.changed_executions as c
    where c.organization_id = fold_executions.organization_id
    returning c.execution_id
  ),
  events as (
    select e.execution_id, e.requests, e.input_tokens, e.output_tokens, e.cost_usd,
      e.unpriced, e.created_at
    from tally.pending_events as e
    where e.organization_id = fold_executions.organization_id and e.seq = any (fold_executions.seqs)
      and e.execution_id is not null
    union all
    select c.execution_id, 0, 0, 0, 0, 0, null
    from changed as c
  )
  select array_agg((s.execution_id, s.requests, s.input_tokens, s.output_tokens, s.cost_usd,
    s.unpriced, s.first_at, s.last_at)::tally.execution_usage)
  into v_used
  from (
    select e.execution_id, sum(e.requests) as requests, sum(e.input_tokens) as input_tokens,
      sum(e.output_tokens) as output_tokens, sum(e.cost_usd) as cost_usd,
      sum(e.unpriced) as unpriced, min(e.created_at) as first_at, max(e.created_at) as last_at
    from events as e
    group by e.execution_id
  ) as s;
  if v_used is not null then
    perform tally.count_executions(fold_executions.organization_id, v_used);
  end if;
end;
$$;
comment on function tally.fold_executions(uuid, bigint[]) is
  'Folds the executions that the given deltas name by their events, and those that were logged since the last fold.';
revoke execute on function tally.fold_executions(uuid, bigint[]) from public, anon, authenticated;

create view public.execution_summary with (security_invoker = true) as
select
  x.organization_id, x.id, x.package_id, x.package_name, x.status, x.user_id, x.api_key_id,
  x.customer_tier, x.pricing_model, x.model, x.is_byok, x.queue_time_ms, x.duration_ms, x.error,
  x.metadata, x.created_at, x.started_at, x.completed_at, x.updated_at,
  coalesce(t.request_count, 0) + coalesce(p.request_count, 0) as request_count,
  coalesce(t.input_tokens, 0) + coalesce(p.input_tokens, 0) as total_input_tokens,
  coalesce(t.output_tokens, 0) + coalesce(p.output_tokens, 0) as total_output_tokens,
  coalesce(t.input_tokens, 0) + coalesce(p.input_tokens, 0)
    + coalesce(t.output_tokens, 0) + coalesce(p.output_tokens, 0) as total_tokens,
  coalesce(t.cost_usd, 0) + coalesce(p.cost_usd, 0) as total_cost_usd,
  coalesce(t.unpriced_count, 0) + coalesce(p.unpriced_count, 0) as unpriced_count
from public.executions as x
left join tally.execution_totals as t on t.organization_id = x.organization_id
  and t.execution_id = x.id
left join tally.pending_executions as p on p.organization_id = x.organization_id
  and p.execution_id = x.id
where x.deleted_at is null;
comment on view public.execution_summary is
  'Executions with the tokens and the cost of their events, exact at every moment; without their input and output data. Pages as of executions.';
revoke all on public.execution_summary from anon, authenticated, service_role;
grant select on public.execution_summary to authenticated, service_role;

create function tally.usage_of_execution(organization_id uuid, execution_id uuid)
returns table (request_count bigint, total_input_tokens bigint, total_output_tokens bigint,
  total_tokens bigint, total_cost_usd numeric, unpriced_count bigint, first_event_at timestamptz,
  last_event_at timestamptz)
language plpgsql stable security definer set search_path = '' set enable_seqscan = off
as $$
begin
  return query
  select coalesce(sum(e.request_count), 0)::bigint, coalesce(sum(e.input_tokens), 0)::bigint,
    coalesce(sum(e.output_tokens), 0)::bigint,
    coalesce(sum(e.input_tokens + e.output_tokens), 0)::bigint,
    trim_scale(coalesce(sum(e.cost_usd), 0)), coalesce(sum(e.unpriced_count), 0)::bigint,
    min(e.first_event_at), max(e.last_event_at)
  from (
    select t.request_count, t.input_tokens, t.output_tokens, t.cost_usd, t.unpriced_count,
      t.first_event_at, t.last_event_at
    from tally.execution_totals as t
    where t.organization_id = usage_of_execution.organization_id
      and t.execution_id = usage_of_execution.execution_id
    union all
    select p.request_count, p.input_tokens, p.output_tokens, p.cost_usd, p.unpriced_count,
      p.first_event_at, p.last_event_at
    from tally.pending_executions as p
    where p.organization_id = usage_of_execution.organization_id
      and p.execution_id = usage_of_execution.execution_id
  ) as e;
end;
$$;
comment on function tally.usage_of_execution(uuid, uuid) is
  'The sums of the events of an execution, folded or not, and when the first and the last of them happened.';
revoke execute on function tally.usage_of_execution(uuid, uuid) from public, anon, authenticated;
