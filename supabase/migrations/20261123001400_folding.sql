-- Folding: pending deltas and expired holds go into rollups and quota rows. Everything is exact without
-- it; it keeps the pending part short.

create function tally.due_deltas(organization_id uuid, at timestamptz)
returns bigint[]
language plpgsql stable security definer set search_path = '' set enable_seqscan = off
as $$
begin
  -- An event that is ahead of the clock waits for its own period.
  return array(
    select d.seq from tally.usage_deltas as d
    where d.organization_id = due_deltas.organization_id and d.due_at <= due_deltas.at
    order by d.seq);
end;
$$;
comment on function tally.due_deltas(uuid, timestamptz) is 'The deltas of an organization that may be folded at a moment.';
revoke execute on function tally.due_deltas(uuid, timestamptz) from public, anon, authenticated;

create function tally.fold_quotas(organization_id uuid, seqs bigint[], at timestamptz)
returns void
language plpgsql volatile security definer set search_path = '' set jit = off set enable_seqscan = off
as $$
declare
  v_quota public.usage_quotas;
  v_changed uuid[];
begin
  -- The same order as an admission takes, so that neither waits for the other.
  for v_quota in
    select q.*
    from public.usage_quotas as q
    where q.organization_id = fold_quotas.organization_id
    order by q.id
    for no key update
  loop
    if fold_quotas.at >= v_quota.reset_at then
      -- The last word on the period that has ended.
      perform tally.note_crossings(v_quota, v_quota.current_usage + coalesce((
        select sum(u.amount)
        from tally.pending_usage(v_quota.organization_id, null, array[v_quota.id]) as u
        where u.created_at >= v_quota.period_start and u.created_at < v_quota.reset_at
      ), 0), v_quota.period_start, v_quota.reset_at);
    end if;
  end loop;

  with expired as (
    update public.usage_holds as h
    set state = 'expired', ended_at = h.expires_at
    where h.id in (
      select e.id from public.usage_holds as e
      where e.organization_id = fold_quotas.organization_id and e.state = 'open' and e.expires_at <= fold_quotas.at
      for no key update skip locked
    )
    returning h.quota_ids, h.amounts
  ),
  consumed as (
    delete from tally.usage_deltas as d
    where d.organization_id = fold_quotas.organization_id and d.seq = any (fold_quotas.seqs)
  ),
  periods as (
    select q.id, p.starts_at, p.ends_at
    from public.usage_quotas as q
    join public.organizations as o on o.id = q.organization_id
    cross join lateral (
      select q.period_start as starts_at, coalesce(q.reset_at, 'infinity') as ends_at
      where fold_quotas.at < coalesce(q.reset_at, 'infinity')
      union all
      select n.starts_at, n.ends_at
      from tally.quota_period(q.quota_type, coalesce(q.timezone, o.timezone), q.anchor, fold_quotas.at) as n
      where fold_quotas.at >= q.reset_at
    ) as p
    where q.organization_id = fold_quotas.organization_id
  ),
  used as (
    select u.quota_id, sum(u.amount) as amount
    from tally.pending_usage(fold_quotas.organization_id, fold_quotas.seqs) as u
    join periods as p on p.id = u.quota_id and u.created_at >= p.starts_at and u.created_at < p.ends_at
    group by u.quota_id
  ),
  given_back as (
    select g.quota_id, sum(g.amount) as amount
    from (
      select r.quota_id, r.amount
      from tally.pending_releases as r
      where r.organization_id = fold_quotas.organization_id and r.seq = any (fold_quotas.seqs)
      union all
      select q.id, (e.amounts ->> q.metric)::numeric
      from expired as e
      join public.usage_quotas as q on q.organization_id = fold_quotas.organization_id and q.id = any (e.quota_ids)
      where e.amounts ? q.metric
    ) as g
    group by g.quota_id
  ),
  changed as (
    update public.usage_quotas as q
    set current_usage = case when q.period_start = p.starts_at then q.current_usage else 0 end + coalesce(u.amount, 0),
      opening_usage = case when q.period_start = p.starts_at then q.opening_usage else 0 end,
      reserved = q.reserved - coalesce(g.amount, 0),
      period_start = p.starts_at,
      reset_at = nullif(p.ends_at, 'infinity')
    from periods as p
    left join used as u on u.quota_id = p.id
    left join given_back as g on g.quota_id = p.id
    where q.organization_id = fold_quotas.organization_id and q.id = p.id
      and (u.amount is not null or g.amount is not null or q.period_start <> p.starts_at)
    returning q.id
  )
  select array_agg(c.id) into v_changed from changed as c;
  if v_changed is not null then
    perform tally.broadcast_quotas(fold_quotas.organization_id, v_changed);
  end if;

  for v_quota in
    select q.* from public.usage_quotas as q where q.organization_id = fold_quotas.organization_id order by q.id
  loop
    perform tally.note_crossings(v_quota, v_quota.current_usage, v_quota.period_start, coalesce(v_quota.reset_at, 'infinity'));
    perform tally.note_forecast(v_quota, fold_quotas.at);
    if v_quota.is_credit then
      perform tally.fold_credit(v_quota, fold_quotas.at);
    end if;
  end loop;
end;
$$;
comment on function tally.fold_quotas(uuid, bigint[], timestamptz) is
  'Takes the given deltas into the quotas and the credit of their organization and ends them; ends expired holds, turns periods, records alerts.';
revoke execute on function tally.fold_quotas(uuid, bigint[], timestamptz) from public, anon, authenticated;

create function tally.fold(organization_id uuid, at timestamptz default now())
returns integer
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_seqs bigint[];
begin
  perform tally.lock_folding(fold.organization_id);
  v_seqs := tally.due_deltas(fold.organization_id, fold.at);
  perform tally.fold_rollups(fold.organization_id, v_seqs);
  perform tally.fold_executions(fold.organization_id, v_seqs);
  perform tally.fold_quotas(fold.organization_id, v_seqs, fold.at);
  return cardinality(v_seqs);
end;
$$;
comment on function tally.fold(uuid, timestamptz) is
  'Folds what is pending of one organization into its rollups, quotas and credit; returns the number of deltas.';
revoke execute on function tally.fold(uuid, timestamptz) from public, anon, authenticated;
grant execute on function tally.fold(uuid, timestamptz) to service_role;

create function tally.tick(max_organizations integer default 200)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_organization uuid;
  v_organizations uuid[] := '{}'::uuid[];
  v_seqs bigint[];
  v_due jsonb := '{}'::jsonb;
  v_folded integer := 0;
  v_partitions integer;
begin
  perform tally.require_operator('run the tidy-up');
  if not pg_try_advisory_xact_lock(hashtextextended('tally.tick', 0)) then
    return jsonb_build_object('ran', false);
  end if;
  v_partitions := tally.ensure_partitions(now() - interval '1 month', now() + interval '3 months');
  for v_organization in
    select w.organization_id
    from (
      (select d.organization_id from tally.usage_deltas as d order by d.organization_id, d.seq limit 20000)
      union
      (select h.organization_id from public.usage_holds as h where h.state = 'open' and h.expires_at <= now() limit 20000)
      union
      (select q.organization_id from public.usage_quotas as q where q.reset_at <= now() limit 1000)
      union
      (select l.organization_id from tally.lapsed_credit as l where l.expires_at <= now() limit 1000)
    ) as w
    order by random()
    limit tick.max_organizations
  loop
    -- An organization whose quotas are being changed waits for the next run: waiting here, with the
    -- locks of others held, could end in a deadlock.
    continue when not tally.try_lock_folding(v_organization);
    v_seqs := tally.due_deltas(v_organization, now());
    perform tally.fold_rollups(v_organization, v_seqs);
    perform tally.fold_executions(v_organization, v_seqs);
    v_organizations := v_organizations || v_organization;
    v_due := v_due || jsonb_build_object(v_organization, v_seqs);
    v_folded := v_folded + cardinality(v_seqs);
  end loop;
  -- The quotas of all come last: their rows are what admissions wait for.
  foreach v_organization in array v_organizations loop
    perform tally.fold_quotas(v_organization,
      array(select s.seq::bigint from jsonb_array_elements_text(v_due -> v_organization::text) as s (seq)), now());
  end loop;
  perform tally.fold_token_samples();
  -- Ended holds answer replays for as long as an event may be late, and a day more.
  delete from public.usage_holds as h
  where h.id in (
    select e.id from public.usage_holds as e
    where e.state <> 'open'
      and e.id < tally.uuid_floor(now() - (select s.event_late_limit from tally.settings as s) - interval '1 day')
    order by e.id
    limit 10000
  );
  return jsonb_build_object('ran', true, 'organizations', cardinality(v_organizations), 'folded', v_folded, 'partitions', v_partitions);
end;
$$;
comment on function tally.tick(integer) is
  'The tidy-up (operator): folds what is pending, ends expired holds, makes partitions, drops old ended holds. Run it every few seconds, by anything; one runs at a time.';
revoke execute on function tally.tick(integer) from public, anon, authenticated;
grant execute on function tally.tick(integer) to service_role;
