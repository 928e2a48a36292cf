-- What of a quota is used at this moment, exactly, whether or not anything has been folded.

create function tally.current_periods(organization_id uuid, at timestamptz,
  among uuid[] default null)
returns table (quota public.usage_quotas, starts_at timestamptz, ends_at timestamptz)
language plpgsql stable security definer set search_path = '' set enable_seqscan = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select q, p.period_starts_at, p.period_ends_at
  from public.usage_quotas as q
  join public.organizations as o on o.id = q.organization_id
  cross join lateral (
    select q.period_start as period_starts_at, coalesce(q.reset_at, 'infinity') as period_ends_at
    where current_periods.at < coalesce(q.reset_at, 'infinity')
    union all
    -- Where the timezone has changed or the first end was set by hand, the period that the clock
    -- gives began before the last one ended: what was used until then has counted there.
    select greatest(n.starts_at, q.reset_at), n.ends_at
    from tally.quota_period(q.quota_type, coalesce(q.timezone, o.timezone), q.anchor,
      current_periods.at) as n
    where current_periods.at >= q.reset_at
  ) as p
  where q.organization_id = current_periods.organization_id
    and (q.id = any (current_periods.among) or current_periods.among is null);
end;
$$;
comment on function tally.current_periods(uuid, timestamptz, uuid[]) is
  'The quotas of an organization (or the given ones) with the period that each is in at a moment, whatever was folded last.';
revoke execute on function tally.current_periods(uuid, timestamptz, uuid[])
  from public, anon, authenticated;

create function tally.quota_states(organization_id uuid, at timestamptz, among uuid[] default null)
returns table (quota public.usage_quotas, starts_at timestamptz, ends_at timestamptz,
  used numeric, held numeric)
language plpgsql stable security definer set search_path = '' set enable_seqscan = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  with periods as materialized (
    select p.quota as period_quota, p.starts_at as period_starts_at, p.ends_at as period_ends_at
    from tally.current_periods(quota_states.organization_id, quota_states.at, quota_states.among)
      as p
  ),
  pending as (
    select u.quota_id, sum(u.amount) as amount
    from tally.pending_usage(quota_states.organization_id, null, quota_states.among) as u
    join periods as p
      on (p.period_quota).id = u.quota_id and u.created_at >= p.period_starts_at
        and u.created_at < p.period_ends_at
    group by u.quota_id
  )
  select
    p.period_quota,
    p.period_starts_at,
    p.period_ends_at,
    case when p.period_starts_at = (p.period_quota).period_start then (p.period_quota).current_usage
      else 0 end
      + coalesce(u.amount, 0),
    (p.period_quota).reserved - coalesce((
      select sum(r.amount)
      from tally.pending_releases as r
      where r.organization_id = quota_states.organization_id and r.quota_id = (p.period_quota).id
    ), 0) - coalesce((
      select sum(h.amount)
      from tally.open_holds as h
      where h.organization_id = quota_states.organization_id and h.quota_id = (p.period_quota).id
        and h.expires_at <= quota_states.at
    ), 0) + case when (p.period_quota).is_credit then coalesce((
      select sum(l.remaining)
      from tally.lapsed_credit as l
      where l.organization_id = quota_states.organization_id and l.expires_at <= quota_states.at
    ), 0) else 0 end
  from periods as p
  left join pending as u on u.quota_id = (p.period_quota).id;
end;
$$;
comment on function tally.quota_states(uuid, timestamptz, uuid[]) is
  'The quotas of an organization (or the given ones) with their period at a moment, what is used in it and what is held, unfolded deltas included.';
revoke execute on function tally.quota_states(uuid, timestamptz, uuid[])
  from public, anon, authenticated;

create function tally.check_quota(
  organization_id uuid, provider text, model text, estimated_cost numeric,
  estimated_tokens bigint, user_id uuid)
returns table (
  allowed boolean, quota_limit numeric, current_usage numeric, reserved numeric, remaining numeric,
  quota_type text, metric text, reset_at timestamptz, quota_id uuid)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  -- As an admission: a call of somebody who is signed in is his own.
  v_user_id uuid := coalesce(check_quota.user_id, auth.uid());
begin
  perform tally.require_member(check_quota.organization_id);
  if check_quota.estimated_cost not between 0 and 1e12 or check_quota.estimated_tokens < 0 then
    perform tally.fail('PT400', 'Estimates must be numbers of zero or more.',
      'estimated_cost, estimated_tokens');
  end if;
  return query
  select
    t.fits or (t.quota).enforcement = 'soft',
    (t.quota).quota_limit, trim_scale(t.used), trim_scale(t.held),
    trim_scale(greatest((t.quota).quota_limit - t.used - t.held, 0)),
    (t.quota).quota_type, (t.quota).metric, nullif(t.ends_at, 'infinity'), (t.quota).id
  from (
    select s.*, case
      when e.amount is null then s.used + s.held < (s.quota).quota_limit
      else s.used + s.held + e.amount <= (s.quota).quota_limit
    end as fits
    from (
      select * from tally.quota_states(check_quota.organization_id, now())
      union all
      select * from tally.coming_quota_states(check_quota.organization_id, v_user_id, now())
    ) as s
    cross join lateral (
      select case (s.quota).metric
        when 'cost_usd' then check_quota.estimated_cost
        when 'total_tokens' then check_quota.estimated_tokens
        when 'requests' then 1
      end as amount
    ) as e
    where ((s.quota).user_id is null or (s.quota).user_id = v_user_id)
      and (s.quota).api_key_id is null
      and ((s.quota).provider is null or (s.quota).provider = check_quota.provider)
      and ((s.quota).model is null or (s.quota).model = check_quota.model or (s.quota).model = (
        select m.to_model from tally.resolve_model(check_quota.provider, check_quota.model) as m))
      and (s.quota).tool_name is null
      and coalesce((s.quota).resource_type, 'token') = 'token'
  ) as t
  order by t.fits or (t.quota).enforcement = 'soft',
    ((t.quota).quota_limit - t.used - t.held) / nullif((t.quota).quota_limit, 0) nulls first,
    (t.quota).id
  limit 1;
  if not found then
    allowed := true;
    return next;
  end if;
end;
$$;
comment on function tally.check_quota(uuid, text, text, numeric, bigint, uuid) is
  'Behind public.check_quota.';
revoke execute on function tally.check_quota(uuid, text, text, numeric, bigint, uuid)
  from public, anon, authenticated;
grant execute on function tally.check_quota(uuid, text, text, numeric, bigint, uuid)
  to authenticated, service_role;

create function public.check_quota(
  organization_id uuid, provider text, model text, estimated_cost numeric,
  estimated_tokens bigint default 0, user_id uuid default null)
returns table (
  allowed boolean, quota_limit numeric, current_usage numeric, reserved numeric, remaining numeric,
  quota_type text, metric text, reset_at timestamptz, quota_id uuid)
language sql stable security invoker set search_path = ''
as $$
  select c.*
  from tally.check_quota(check_quota.organization_id, check_quota.provider, check_quota.model,
    check_quota.estimated_cost, check_quota.estimated_tokens, check_quota.user_id) as c
$$;
comment on function public.check_quota(uuid, text, text, numeric, bigint, uuid) is
  'Whether a call of an estimated cost (USD) would be admitted now, and the tightest quota that matches it. It keeps nothing: reserve_usage does. user_id: whose call it is; null: the caller''s own. A limit that the plan has for each user and that this one has not met yet has no quota_id. No quota: allowed is true, the rest null.';
revoke execute on function public.check_quota(uuid, text, text, numeric, bigint, uuid)
  from public, anon, authenticated;
grant execute on function public.check_quota(uuid, text, text, numeric, bigint, uuid)
  to authenticated, service_role;

create function tally.quota_status(organization_id uuid)
returns table (
  quota_id uuid, metric text, quota_type text, user_id uuid, api_key_id uuid,
  provider text, model text, tool_name text, resource_type text, quota_limit numeric,
  current_usage numeric, reserved numeric, remaining numeric, percent_used numeric, level text,
  period_start timestamptz, reset_at timestamptz, enforcement text, managed_by text)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
begin
  perform tally.require_member(quota_status.organization_id);
  return query
  select
    (s.quota).id, (s.quota).metric, (s.quota).quota_type, (s.quota).user_id, (s.quota).api_key_id,
    (s.quota).provider, (s.quota).model, (s.quota).tool_name, (s.quota).resource_type,
    (s.quota).quota_limit, trim_scale(s.used), trim_scale(s.held),
    trim_scale(greatest((s.quota).quota_limit - s.used - s.held, 0)),
    p.percent,
    case
      when s.used >= (s.quota).quota_limit then 'exceeded'
      when p.percent >= p.critical then 'critical'
      when p.percent >= p.warning then 'warning'
      else 'ok'
    end,
    s.starts_at, nullif(s.ends_at, 'infinity'), (s.quota).enforcement, (s.quota).managed_by
  from tally.quota_states(quota_status.organization_id, now()) as s
  cross join lateral (
    select
      case when (s.quota).quota_limit > 0 then round(100 * s.used / (s.quota).quota_limit, 2)
        else 100 end as percent,
      min(t) filter (where t < 100) as warning,
      max(t) filter (where t < 100) as critical
    from unnest((s.quota).alert_thresholds) as t
  ) as p
  order by p.percent desc, (s.quota).id;
end;
$$;
comment on function tally.quota_status(uuid) is 'Behind public.quota_status.';
revoke execute on function tally.quota_status(uuid) from public, anon, authenticated;
grant execute on function tally.quota_status(uuid) to authenticated, service_role;

create function public.quota_status(organization_id uuid)
returns table (
  quota_id uuid, metric text, quota_type text, user_id uuid, api_key_id uuid,
  provider text, model text, tool_name text, resource_type text, quota_limit numeric,
  current_usage numeric, reserved numeric, remaining numeric, percent_used numeric, level text,
  period_start timestamptz, reset_at timestamptz, enforcement text, managed_by text)
language sql stable security invoker set search_path = ''
as $$
  select s.* from tally.quota_status(quota_status.organization_id) as s
$$;
comment on function public.quota_status(uuid) is
  'Every quota of an organization, fullest first. level: ok, warning (the lowest alert threshold is reached), critical (the highest below 100), exceeded.';
revoke execute on function public.quota_status(uuid) from public, anon, authenticated;
grant execute on function public.quota_status(uuid) to authenticated, service_role;
