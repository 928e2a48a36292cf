-- Verification: each promise of the ledger as a query. A healthy ledger answers with no row.

create function tally.verify_keys(only_organization uuid)
returns table (invariant text, organization_id uuid, subject text, expected numeric, actual numeric)
language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  select 'an idempotency key names its event', k.organization_id, 'key ' || k.idempotency_key,
    1::numeric, 0::numeric
  from tally.idempotency_keys as k
  where (k.organization_id = verify_keys.only_organization
      or verify_keys.only_organization is null)
    and tally.has_month(tally.uuid_time(k.event_id))
    and not exists (
      select from public.token_usage as u
      where u.organization_id = k.organization_id and u.created_at = tally.uuid_time(k.event_id)
        and u.id = k.event_id and u.idempotency_key = k.idempotency_key
    );

  return query
  select 'the idempotency key of an event is claimed', u.organization_id, 'event ' || u.id,
    1::numeric, 0::numeric
  from public.token_usage as u
  where u.idempotency_key is not null
    and (u.organization_id = verify_keys.only_organization
      or verify_keys.only_organization is null)
    and not exists (
      select from tally.idempotency_keys as k
      where k.organization_id = u.organization_id and k.idempotency_key = u.idempotency_key
    );
end;
$$;
comment on function tally.verify_keys(uuid) is
  'What of tally.verify_ledger concerns idempotency keys: a key that is lost, or names nothing, would let a retry count twice or not at all.';
revoke execute on function tally.verify_keys(uuid) from public, anon, authenticated;

create function tally.verify_ledger(only_organization uuid)
returns table (invariant text, organization_id uuid, subject text, expected numeric, actual numeric)
language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  if verify_ledger.only_organization is null then
    perform tally.require_operator('verify every organization');
  else
    perform tally.require_admin(verify_ledger.only_organization);
  end if;

  return query
  with pending as materialized (
    select u.quota_id, u.created_at, u.amount
    from (
      select distinct d.organization_id from tally.usage_deltas as d
      where d.organization_id = verify_ledger.only_organization
        or verify_ledger.only_organization is null
    ) as d
    cross join lateral tally.pending_usage(d.organization_id) as u
  ),
  sums as (
    select q.id, sum(u.amount) as amount
    from pending as u
    join public.usage_quotas as q
      on q.id = u.quota_id and u.created_at >= q.period_start
        and u.created_at < coalesce(q.reset_at, 'infinity')
    group by q.id
  ),
  counted as (
    select q.organization_id, q.id,
      tally.recorded_usage(q, q.period_start, coalesce(q.reset_at, 'infinity'))
        + q.opening_usage as recorded,
      q.current_usage + coalesce(s.amount, 0) as used
    from public.usage_quotas as q
    left join sums as s on s.id = q.id
    where q.organization_id = verify_ledger.only_organization
      or verify_ledger.only_organization is null
  )
  select 'usage of a quota is the sum of its events', c.organization_id, 'quota ' || c.id,
    c.recorded, c.used
  from counted as c
  where c.recorded <> c.used;

  return query
  select 'reserved of a quota is the sum of its open holds', q.organization_id, 'quota ' || q.id,
    h.held, q.reserved - r.released
  from public.usage_quotas as q
  cross join lateral (
    select coalesce(sum(o.amount), 0) as held
    from tally.open_holds as o
    where o.organization_id = q.organization_id and o.quota_id = q.id
  ) as h
  cross join lateral (
    select coalesce(sum(p.amount), 0) as released
    from tally.pending_releases as p
    where p.organization_id = q.organization_id and p.quota_id = q.id
  ) as r
  where (q.organization_id = verify_ledger.only_organization
    or verify_ledger.only_organization is null)
    and h.held <> q.reserved - r.released;

  return query
  select 'a threshold that was reached is told', q.organization_id,
    format('quota %s at %s %%', q.id, t.threshold), 1::numeric, 0::numeric
  from public.usage_quotas as q
  cross join unnest(q.alert_thresholds) as t (threshold)
  where (q.organization_id = verify_ledger.only_organization
    or verify_ledger.only_organization is null)
    -- A grant raises the limit of a prepaid account, which the next fold looks at.
    and not q.is_credit
    and q.current_usage > 0 and q.current_usage >= q.quota_limit * t.threshold / 100
    and not exists (
      select from public.usage_alerts as a
      where a.organization_id = q.organization_id and a.quota_id = q.id and a.kind = 'threshold'
        and a.period_start = q.period_start and a.threshold = t.threshold
        and a.quota_limit = q.quota_limit
    );

  return query
  select 'an event that is to be folded exists', d.organization_id, 'event ' || e.id,
    1::numeric, 0::numeric
  from tally.usage_deltas as d
  cross join lateral unnest(d.event_ids, d.event_times) as e (id, created_at)
  where (d.organization_id = verify_ledger.only_organization
    or verify_ledger.only_organization is null)
    and not exists (
      select from public.token_usage as u
      where u.organization_id = d.organization_id and u.created_at = e.created_at and u.id = e.id
    );

  return query
  select 'a settled hold has its event', h.organization_id, 'hold ' || h.id, 1::numeric, 0::numeric
  from public.usage_holds as h
  where h.state = 'settled'
    and (h.organization_id = verify_ledger.only_organization
      or verify_ledger.only_organization is null)
    and tally.has_month(tally.uuid_time(h.event_id))
    and not exists (
      select from public.token_usage as u
      where u.organization_id = h.organization_id and u.created_at = tally.uuid_time(h.event_id)
        and u.id = h.event_id
    );

  return query
  select 'the classes of an event add up to its tokens', u.organization_id, 'event ' || u.id,
    u.total_tokens::numeric, c.tokens
  from public.token_usage as u
  cross join lateral (
    select coalesce(sum((k.value)::numeric), 0) as tokens
    from jsonb_each(u.classes) as k
    join tally.usage_classes as d on d.class = k.key and d.kind <> 'unit'
  ) as c
  where (u.organization_id = verify_ledger.only_organization
    or verify_ledger.only_organization is null)
    and c.tokens <> u.total_tokens;

  return query
  select 'the cost of an event is what its card says', u.organization_id, 'event ' || u.id,
    c.cost_usd, u.cost_usd
  from public.token_usage as u
  join public.cost_estimates as e on e.id = u.price_id
  cross join lateral (
    select case when coalesce(bool_and(e.unit_prices ? k.key), true)
      then coalesce(sum((k.value)::numeric * (e.unit_prices -> k.key)::numeric), 0)
        * case when e.organization_id is null
          then tally.markup_of(u.organization_id, u.provider, e.model, u.created_at) else 1 end
      end as cost_usd
    from jsonb_each(u.classes) as k
    where (k.value)::numeric <> 0
  ) as c
  where (u.organization_id = verify_ledger.only_organization
    or verify_ledger.only_organization is null)
    and c.cost_usd is distinct from u.cost_usd;

  return query
  select 'credit taken from grants is credit spent', q.organization_id, 'quota ' || q.id,
    least(q.current_usage, q.quota_limit), g.taken
  from public.usage_quotas as q
  cross join lateral (
    select coalesce(sum(c.amount - c.remaining - c.expired_amount), 0) as taken,
      coalesce(sum(c.amount - c.expired_amount), 0) as granted
    from public.credit_grants as c
    where c.organization_id = q.organization_id
  ) as g
  where q.is_credit
    and (q.organization_id = verify_ledger.only_organization
      or verify_ledger.only_organization is null)
    and (least(q.current_usage, q.quota_limit) <> g.taken or q.quota_limit <> g.granted);

  return query
  select distinct 'granted credit has its account', c.organization_id, 'credit_grants',
    1::numeric, 0::numeric
  from public.credit_grants as c
  where (c.organization_id = verify_ledger.only_organization
      or verify_ledger.only_organization is null)
    and not exists (
      select from public.usage_quotas as q
      where q.organization_id = c.organization_id and q.is_credit
    );

  return query select * from tally.verify_keys(verify_ledger.only_organization);
end;
$$;
comment on function tally.verify_ledger(uuid) is 'Behind public.verify_ledger.';
revoke execute on function tally.verify_ledger(uuid) from public, anon, authenticated;
grant execute on function tally.verify_ledger(uuid) to authenticated, service_role;

create function public.verify_ledger(organization_id uuid default null)
returns table (invariant text, violating_organization_id uuid, subject text, expected numeric,
  actual numeric)
language sql stable security invoker set search_path = ''
as $$
  select v.* from tally.verify_ledger(verify_ledger.organization_id) as v
$$;
comment on function public.verify_ledger(uuid) is
  'Checks the promises of the ledger (admins for their organization, the operator for all): one row per violation with what was expected and what is there; none when healthy. Reads every event of the running periods.';
revoke execute on function public.verify_ledger(uuid) from public, anon, authenticated;
grant execute on function public.verify_ledger(uuid) to authenticated, service_role;
