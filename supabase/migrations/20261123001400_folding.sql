-- Folding: pending deltas and expired holds go into rollups and quota rows. Everything is exact
-- without it; it keeps the pending part short.

create function tally.due_deltas(organization_id uuid, at timestamptz)
returns setof bigint[]
language plpgsql stable security definer rows 1 set search_path = '' set enable_seqscan = off
as $$
begin
  -- An event that is ahead of the clock waits for its own period.
  return query
  select array_agg(d.seq)
  from (
    select d.seq,
      sum(1 + coalesce(cardinality(d.event_ids), 0)) over (order by d.seq) / 20000 as part
    from tally.usage_deltas as d
    where d.organization_id = due_deltas.organization_id and d.due_at <= due_deltas.at
  ) as d
  group by d.part;
end;
$$;
comment on function tally.due_deltas(uuid, timestamptz) is
  'The deltas of an organization that may be folded at a moment, in parts whose events fit into memory.';
revoke execute on function tally.due_deltas(uuid, timestamptz) from public, anon, authenticated;

create type tally.quota_change as (
  organization_id uuid,
  quota_id uuid,
  used numeric,
  given_back numeric,
  starts_at timestamptz,
  ends_at timestamptz
);
comment on type tally.quota_change is
  'What a fold adds to a quota, and the period that it is then in.';

create function tally.consume_deltas(organization_id uuid, seqs bigint[], at timestamptz)
returns tally.quota_change[]
language plpgsql volatile security definer set search_path = '' set jit = off
  set enable_seqscan = off
as $$
declare
  v_given_back jsonb;
  v_entry record;
  v_quota public.usage_quotas;
  v_back numeric;
  v_changes tally.quota_change[] := '{}'::tally.quota_change[];
begin
  with expired as (
    update public.usage_holds as h
    set state = 'expired', ended_at = h.expires_at
    where h.id in (
      select e.id from public.usage_holds as e
      where e.organization_id = consume_deltas.organization_id and e.state = 'open'
        and e.expires_at <= consume_deltas.at
      for no key update skip locked
    )
    returning h.quota_ids, h.amounts
  )
  select coalesce(jsonb_object_agg(g.quota_id, g.amount), '{}') into v_given_back
  from (
    select b.quota_id, sum(b.amount) as amount
    from (
      select r.quota_id, r.amount
      from tally.pending_releases as r
      where r.organization_id = consume_deltas.organization_id and r.seq = any (consume_deltas.seqs)
      union all
      select q.id, (e.amounts ->> q.metric)::numeric
      from expired as e
      join public.usage_quotas as q on q.organization_id = consume_deltas.organization_id
        and q.id = any (e.quota_ids)
      where e.amounts ? q.metric
    ) as b
    group by b.quota_id
  ) as g;

  -- No quota is locked here: the folding lock keeps everything of it but reserved as it is.
  for v_entry in
    with periods as materialized (
      select p.* from tally.current_periods(consume_deltas.organization_id, consume_deltas.at) as p
    ),
    sums as (
      select u.quota_id,
        sum(u.amount) filter (where u.created_at >= p.starts_at and u.created_at < p.ends_at)
          as used,
        sum(u.amount) filter (
          where u.created_at >= (p.quota).period_start and u.created_at < (p.quota).reset_at)
            as used_before
      from tally.pending_usage(consume_deltas.organization_id, consume_deltas.seqs) as u
      join periods as p on (p.quota).id = u.quota_id
      group by u.quota_id
    )
    select p.quota, p.starts_at, p.ends_at, s.used,
      case when consume_deltas.at >= (p.quota).reset_at
        then (p.quota).current_usage + coalesce(s.used_before, 0) end as used_before
    from periods as p
    left join sums as s on s.quota_id = (p.quota).id
    order by (p.quota).id
  loop
    v_quota := v_entry.quota;
    if v_entry.used_before is not null then
      -- The last word on the period that has ended.
      perform tally.note_crossings(v_quota, v_entry.used_before, v_quota.period_start,
        v_quota.reset_at);
      if v_entry.starts_at > v_quota.reset_at then
        perform tally.note_missed_periods(v_quota, consume_deltas.seqs, v_entry.starts_at);
      end if;
      v_quota.current_usage := 0;
    end if;
    v_back := (v_given_back -> v_quota.id::text)::numeric;
    if v_entry.used is not null or v_back is not null or v_entry.used_before is not null then
      v_changes := v_changes || (v_quota.organization_id, v_quota.id, coalesce(v_entry.used, 0),
        coalesce(v_back, 0), v_entry.starts_at, v_entry.ends_at)::tally.quota_change;
    end if;
    v_quota.current_usage := v_quota.current_usage + coalesce(v_entry.used, 0);
    v_quota.period_start := v_entry.starts_at;
    v_quota.reset_at := nullif(v_entry.ends_at, 'infinity');
    perform tally.note_crossings(v_quota, v_quota.current_usage, v_entry.starts_at,
      v_entry.ends_at);
    perform tally.note_forecast(v_quota, consume_deltas.at);
  end loop;

  delete from tally.usage_deltas as d
  where d.organization_id = consume_deltas.organization_id and d.seq = any (consume_deltas.seqs);
  return v_changes;
end;
$$;
comment on function tally.consume_deltas(uuid, bigint[], timestamptz) is
  'Ends the given deltas and the expired holds of an organization and records alerts; returns what its quotas change by.';
revoke execute on function tally.consume_deltas(uuid, bigint[], timestamptz)
  from public, anon, authenticated;

create function tally.change_quotas(organization_ids uuid[], changes tally.quota_change[],
  at timestamptz)
returns void
language plpgsql volatile security definer set search_path = '' set jit = off
  set enable_seqscan = off
as $$
declare
  v_account public.usage_quotas;
begin
  -- The same order as an admission takes, so that neither waits for the other.
  perform from public.usage_quotas as q
  join unnest(change_quotas.changes) as c on c.organization_id = q.organization_id
    and c.quota_id = q.id
  order by q.id
  for no key update of q;
  update public.usage_quotas as q
  set current_usage = case when q.period_start = c.starts_at then q.current_usage
    else 0 end + c.used,
    opening_usage = case when q.period_start = c.starts_at then q.opening_usage else 0 end,
    reserved = q.reserved - c.given_back,
    period_start = c.starts_at,
    reset_at = nullif(c.ends_at, 'infinity')
  from unnest(change_quotas.changes) as c
  where q.organization_id = c.organization_id and q.id = c.quota_id;
  for v_account in
    select q.* from public.usage_quotas as q
    where q.organization_id = any (change_quotas.organization_ids) and q.is_credit
    order by q.id
  loop
    perform tally.fold_credit(v_account, change_quotas.at);
  end loop;
  perform tally.broadcast_quotas(c.organization_id, array_agg(c.quota_id))
  from unnest(change_quotas.changes) as c
  group by c.organization_id;
end;
$$;
comment on function tally.change_quotas(uuid[], tally.quota_change[], timestamptz) is
  'Applies what folds of organizations came to. Last in a transaction: admissions wait for these rows.';
revoke execute on function tally.change_quotas(uuid[], tally.quota_change[], timestamptz)
  from public, anon, authenticated;

create function tally.fold_locked(organization_ids uuid[], at timestamptz)
returns integer
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_organization uuid;
  v_part bigint[];
  v_seqs bigint[];
  v_found record;
  v_has_executions boolean;
  v_counted tally.counted[] := '{}'::tally.counted[];
  v_changes tally.quota_change[] := '{}'::tally.quota_change[];
  v_folded integer := 0;
begin
  foreach v_organization in array fold_locked.organization_ids loop
    v_seqs := '{}'::bigint[];
    v_has_executions := exists (
      select from tally.changed_executions as c where c.organization_id = v_organization);
    for v_part in select d from tally.due_deltas(v_organization, fold_locked.at) as d loop
      v_seqs := v_seqs || v_part;
      -- Before any of their use is counted: what is known of nobody costs no look at the events.
      perform tally.meet_pending_callers(v_organization, v_part);
      v_found := tally.count_deltas(v_organization, v_part);
      v_counted := v_counted || v_found.counted;
      v_has_executions := v_has_executions or coalesce(v_found.has_executions, false);
      -- What several organizations used is counted together, as long as it is little.
      if cardinality(v_counted) >= 5000 then
        perform tally.add_to_rollups(v_counted);
        v_counted := '{}'::tally.counted[];
      end if;
    end loop;
    if v_has_executions then
      perform tally.fold_executions(v_organization, v_seqs);
    end if;
    v_changes := v_changes || tally.consume_deltas(v_organization, v_seqs, fold_locked.at);
    v_folded := v_folded + cardinality(v_seqs);
  end loop;
  if cardinality(v_counted) > 0 then
    perform tally.add_to_rollups(v_counted);
  end if;
  perform tally.change_quotas(fold_locked.organization_ids, v_changes, fold_locked.at);
  return v_folded;
end;
$$;
comment on function tally.fold_locked(uuid[], timestamptz) is
  'Folds what is pending of organizations whose folding locks the caller holds into their rollups, quotas and credit; returns the number of deltas. Last in a transaction: admissions wait for the quotas.';
revoke execute on function tally.fold_locked(uuid[], timestamptz) from public, anon, authenticated;

create function tally.fold(organization_id uuid, at timestamptz default now())
returns integer
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform tally.lock_folding(fold.organization_id);
  return tally.fold_locked(array[fold.organization_id], fold.at);
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
  v_folded integer;
  v_partitions integer;
begin
  perform tally.require_operator('run the tidy-up');
  if not pg_try_advisory_xact_lock(hashtextextended('tally.tick', 0)) then
    return jsonb_build_object('ran', false);
  end if;
  v_partitions := tally.ensure_partitions(now() - interval '1 month', now() + interval '3 months');
  if exists (select from public.gateway_policies as p where p.unsettled_holds = 'settle') then
    perform tally.settle_unsettled_holds();
  end if;
  for v_organization in
    select w.organization_id
    from (
      (select d.organization_id from tally.usage_deltas as d order by d.organization_id
        limit 20000)
      union
      (select h.organization_id from public.usage_holds as h where h.state = 'open'
        and h.expires_at <= now() limit 20000)
      union
      (select q.organization_id from public.usage_quotas as q where q.reset_at <= now() limit 1000)
      union
      (select l.organization_id from tally.lapsed_credit as l
        where l.expires_at <= now() limit 1000)
    ) as w
    order by random()
    limit tick.max_organizations
  loop
    -- An organization whose quotas are being changed waits for the next run: waiting here, with the
    -- locks of others held, could end in a deadlock.
    continue when not tally.try_lock_folding(v_organization);
    v_organizations := v_organizations || v_organization;
  end loop;
  perform tally.fold_token_samples();
  -- Ended holds answer replays for as long as an event may be late, and a day more.
  delete from public.usage_holds as h
  where h.id in (
    select e.id from public.usage_holds as e
    where e.state <> 'open'
      and e.id < tally.uuid_floor(now() - (select s.event_late_limit from tally.settings as s)
        - interval '1 day')
      -- A claim under an id that is none of ours stays: its id does not say how old it is.
      and substr(e.id::text, 15, 1) = '7'
    order by e.id
    limit 10000
  );
  v_folded := tally.fold_locked(v_organizations, now());
  return jsonb_build_object('ran', true, 'organizations', cardinality(v_organizations), 'folded',
    v_folded, 'partitions', v_partitions);
end;
$$;
comment on function tally.tick(integer) is
  'The tidy-up (operator): folds what is pending, ends expired holds, makes partitions, drops old ended holds. Run it every few seconds, by anything; one runs at a time.';
revoke execute on function tally.tick(integer) from public, anon, authenticated;
grant execute on function tally.tick(integer) to service_role;
