-- Admission: a call is admitted by every quota that matches it, or refused and nothing changes.

create function tally.find_blocking_quota(
  organization_id uuid, quota_ids uuid[], amounts jsonb, is_unpriced boolean, at timestamptz)
returns jsonb
language plpgsql stable security definer set search_path = ''
  set plan_cache_mode = force_generic_plan
as $$
begin
  return (
    select jsonb_build_object(
      'quota_id', f.id, 'metric', f.metric, 'quota_type', f.quota_type,
      'quota_limit', f.quota_limit,
      'current_usage', trim_scale(f.used), 'reserved', trim_scale(f.held),
      'remaining', trim_scale(greatest(f.quota_limit - f.used - f.held, 0)),
      'requested', f.amount, 'reset_at', nullif(f.ends_at, 'infinity'),
      'reason', case when f.refuses_unpriced then 'unpriced' when f.is_credit then 'credit'
        else 'quota' end
    )
    from (
      select (s.quota).id, (s.quota).metric, (s.quota).quota_type, (s.quota).quota_limit,
        (s.quota).is_credit, s.ends_at, s.used, s.held,
        (find_blocking_quota.amounts -> (s.quota).metric)::numeric as amount,
        find_blocking_quota.is_unpriced and (s.quota).metric = 'cost_usd'
          and (s.quota).unpriced_policy = 'refuse' as refuses_unpriced
      from tally.quota_states(
        find_blocking_quota.organization_id, find_blocking_quota.at,
        find_blocking_quota.quota_ids) as s
      where (s.quota).enforcement = 'hard'
    ) as f
    where f.refuses_unpriced
      or case when f.amount is null then f.used + f.held >= f.quota_limit
        else f.used + f.held + f.amount > f.quota_limit end
    order by f.quota_limit - f.used - f.held, f.id
    limit 1
  );
end;
$$;
comment on function tally.find_blocking_quota(uuid, uuid[], jsonb, boolean, timestamptz) is
  'The tightest of the quotas that has no room for the amounts, everything pending included; null when all have.';
revoke execute on function tally.find_blocking_quota(uuid, uuid[], jsonb, boolean, timestamptz)
  from public, anon, authenticated;

create function tally.take_room(
  organization_id uuid, quota_ids uuid[], amounts jsonb, is_unpriced boolean, is_tight boolean,
  at timestamptz)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_has_room boolean;
  v_blocked_by jsonb;
begin
  -- What is pending counts. It is folded first, so that little of it is read under the locks below.
  -- Whoever folds already does it for us too; to wait for him, or to fold, with rows locked by an
  -- earlier call of this transaction could end in a deadlock.
  if take_room.is_tight and pg_current_xact_id_if_assigned() is null and (exists (
      select from tally.usage_deltas as d
      where d.organization_id = take_room.organization_id offset 64
    ) or exists (
      select from tally.lapsed_credit as l
      where l.organization_id = take_room.organization_id and l.expires_at <= take_room.at
    )) and tally.try_lock_folding(take_room.organization_id) then
    perform tally.fold(take_room.organization_id, take_room.at);
  end if;

  -- Rows are locked in id order, by everybody: no two admissions can wait for each other.
  with locked as materialized (
    select q.enforcement = 'soft' or not take_room.is_unpriced and take_room.amounts ? q.metric
      and take_room.at < coalesce(q.reset_at, 'infinity')
      and q.current_usage + q.reserved + (take_room.amounts -> q.metric)::numeric
        <= q.quota_limit as has_room
    from public.usage_quotas as q
    where q.organization_id = take_room.organization_id and q.id = any (take_room.quota_ids)
    order by q.id
    for no key update
  )
  select bool_and(l.has_room) and not exists (
    select from tally.usage_deltas as d
    where d.organization_id = take_room.organization_id and d.is_beyond_hold)
  into v_has_room
  from locked as l;
  if v_has_room is not true then
    v_blocked_by := tally.find_blocking_quota(take_room.organization_id, take_room.quota_ids,
      take_room.amounts, take_room.is_unpriced, take_room.at);
    if v_blocked_by is not null then
      return v_blocked_by;
    end if;
  end if;
  update public.usage_quotas as q
  set reserved = q.reserved + (take_room.amounts -> q.metric)::numeric
  where q.organization_id = take_room.organization_id and q.id = any (take_room.quota_ids)
    and take_room.amounts ? q.metric;
  return null;
end;
$$;
comment on function tally.take_room(uuid, uuid[], jsonb, boolean, boolean, timestamptz) is
  'Reserves the amounts on all of the quotas, which stay locked until the end of the transaction, or on none and names the tightest that has no room; null: taken. is_tight: what is folded does not say that there is room, so that what is pending is worth folding.';
revoke execute on function tally.take_room(uuid, uuid[], jsonb, boolean, boolean, timestamptz)
  from public, anon, authenticated;

create function tally.find_replayed_hold(
  organization_id uuid, idempotency_key text, request_hash uuid)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_old public.usage_holds;
begin
  -- A retry waits here for its first attempt, then reads its answer.
  perform pg_advisory_xact_lock(hashtextextended(
    'hold ' || find_replayed_hold.organization_id || find_replayed_hold.idempotency_key, 0));
  select h.* into v_old from public.usage_holds as h
  where h.organization_id = find_replayed_hold.organization_id
    and h.idempotency_key = find_replayed_hold.idempotency_key;
  if v_old.request_hash <> find_replayed_hold.request_hash then
    perform tally.fail('PT409', 'This idempotency_key already names another request.',
      format('hold %s', v_old.id), 'Send a retry unchanged; give a new request a new key.');
  elsif v_old.id is null then
    return null;
  end if;
  return jsonb_build_object(
    'allowed', true, 'hold_id', v_old.id, 'expires_at', v_old.expires_at, 'blocked_by', null);
end;
$$;
comment on function tally.find_replayed_hold(uuid, text, uuid) is
  'The first answer to a request that is sent again; null: it is new, and its key is locked until the end of the transaction. Raises PT409 when the key names another request.';
revoke execute on function tally.find_replayed_hold(uuid, text, uuid)
  from public, anon, authenticated;

create function tally.commit_admission_later()
returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- A hold may be lost with the last half second of a crash, together with its counters; the flush
  -- would be paid under the lock of the hottest row there is.
  perform set_config('synchronous_commit', 'off', true)
  from tally.settings as s
  where not s.durable_admission;
end;
$$;
comment on function tally.commit_admission_later() is
  'Lets this transaction commit without waiting for the disk, unless admissions are to be durable (tally.settings).';
revoke execute on function tally.commit_admission_later() from public, anon, authenticated;

create function tally.reserve_room(
  request tally.reserve_request, priced_model text, amounts jsonb, is_unpriced boolean,
  at timestamptz, out quota_ids uuid[], out blocked_by jsonb)
language plpgsql volatile security definer set search_path = ''
as $$
declare
  r alias for request;
  v_amount numeric;
  v_is_tight boolean;
begin
  perform tally.commit_admission_later();
  if num_nonnulls(r.user_id, r.api_key_id) > 0 and tally.has_callers_quotas(r.organization_id) then
    perform tally.meet_caller(r.organization_id, r.user_id, r.api_key_id);
  end if;

  -- What is folded can only refuse too much, as long as no pending use went beyond its hold.
  select array_agg(q.id), max((reserve_room.amounts -> q.metric)::numeric),
    bool_or(q.is_credit or q.enforcement = 'hard' and (
      reserve_room.is_unpriced or not reserve_room.amounts ? q.metric
      or reserve_room.at >= q.reset_at
      or q.current_usage + q.reserved + (reserve_room.amounts -> q.metric)::numeric
        > q.quota_limit))
    or exists (
      select from tally.usage_deltas as d
      where d.organization_id = r.organization_id and d.is_beyond_hold)
  into reserve_room.quota_ids, v_amount, v_is_tight
  from public.usage_quotas as q
  where q.organization_id = r.organization_id
    and (q.user_id is null or q.user_id = r.user_id)
    and (q.api_key_id is null or q.api_key_id = r.api_key_id)
    and (q.provider is null or q.provider = r.provider)
    and (q.model is null or q.model in (r.model, reserve_room.priced_model))
    and (q.tool_name is null or q.tool_name = r.tool_name)
    and (q.resource_type is null or q.resource_type = coalesce(r.resource_type, 'token'))
    and not (q.is_credit and r.is_byok is true);
  if cardinality(reserve_room.quota_ids) = 1 and not v_is_tight then
    -- The update of a single quota that has room is its own lock.
    update public.usage_quotas as q
    set reserved = q.reserved + v_amount
    where q.organization_id = r.organization_id and q.id = reserve_room.quota_ids[1]
      and q.current_usage + q.reserved + v_amount <= q.quota_limit
      and (q.reset_at is null or q.reset_at > reserve_room.at);
    if found then
      return;
    end if;
  end if;
  if reserve_room.quota_ids is not null then
    -- Nothing is folded where that update found no room after all: it may have kept its lock.
    reserve_room.blocked_by := tally.take_room(r.organization_id, reserve_room.quota_ids,
      reserve_room.amounts, reserve_room.is_unpriced, v_is_tight, reserve_room.at);
  end if;
end;
$$;
comment on function tally.reserve_room(tally.reserve_request, text, jsonb, boolean, timestamptz) is
  'Reserves amounts on every quota that a request matches, or on none and names the tightest that has no room (blocked_by). quota_ids null: no quota matches.';
revoke execute on function tally.reserve_room(tally.reserve_request, text, jsonb, boolean,
  timestamptz)
  from public, anon, authenticated;

create function tally.reserve_usage(request jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = ''
  set jit = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  r tally.reserve_request := tally.read_request(reserve_usage.request);
  v_at timestamptz := now();
  v_hash uuid;
  v_answer jsonb;
  v_price record;
  v_room record;
  v_cost numeric;
  v_amounts jsonb;
  v_attribution jsonb;
  v_id uuid := tally.uuid_v7(v_at);
  v_expires_at timestamptz;
begin
  if r.idempotency_key is not null then
    v_hash := md5((reserve_usage.request)::text)::uuid;
    v_answer := tally.find_replayed_hold(r.organization_id, r.idempotency_key, v_hash);
    if v_answer is not null then
      return v_answer;
    end if;
  end if;
  -- Asked for by tokens alone, as most calls are, it needs no more than this.
  if num_nonnulls(r.estimated_cost, r.units) = 0 then
    v_price := tally.upper_bound_cost(r.provider, r.model, r.input_tokens, r.max_output_tokens,
      r.organization_id, r.service_tier, v_at);
  else
    v_price := tally.request_cost(r, v_at);
  end if;
  v_cost := coalesce(v_price.cost_usd, tally.ceiling_cost(r.organization_id, r.provider,
    coalesce(r.input_tokens, 0), coalesce(r.max_output_tokens, 0), v_at));
  r.requests := coalesce(r.requests, 1);
  v_amounts := tally.requested_amounts(r, v_cost);
  v_room := tally.reserve_room(r, v_price.priced_model, v_amounts, v_price.cost_usd is null, v_at);
  if v_room.blocked_by is not null then
    return jsonb_build_object(
      'allowed', false, 'hold_id', null, 'expires_at', null, 'blocked_by', v_room.blocked_by);
  end if;
  if num_nonnulls(r.operation, r.service_tier, r.session_id, r.workflow_id, r.execution_id,
    r.is_byok) > 0 then
    v_attribution := tally.requested_attribution(r);
  end if;
  v_expires_at := v_at + r.expires_in * interval '1 second';
  insert into public.usage_holds as h (id, organization_id, user_id, api_key_id, provider, model,
    tool_name, resource_type, attribution, amounts, quota_ids, idempotency_key, request_hash,
    created_at, expires_at)
  values (v_id, r.organization_id, r.user_id, r.api_key_id, r.provider, r.model, r.tool_name,
    coalesce(r.resource_type, 'token'), v_attribution, v_amounts,
    coalesce(v_room.quota_ids, '{}'), r.idempotency_key, v_hash, v_at, v_expires_at);
  return jsonb_build_object(
    'allowed', true, 'hold_id', v_id, 'expires_at', v_expires_at, 'blocked_by', null);
end;
$$;
comment on function tally.reserve_usage(jsonb) is 'Behind public.reserve_usage.';
revoke execute on function tally.reserve_usage(jsonb) from public, anon, authenticated;
grant execute on function tally.reserve_usage(jsonb) to authenticated, service_role;

create function public.reserve_usage(request jsonb)
returns jsonb
language plpgsql volatile security invoker set search_path = ''
as $$
begin
  return tally.reserve_usage(reserve_usage.request);
end;
$$;
comment on function public.reserve_usage(jsonb) is
  'Admits a call before it is made: {allowed, hold_id, expires_at, blocked_by}. The hold keeps the upper bound on every matching quota until settle_usage, release_hold or expires_at. A refusal changes nothing and blocked_by names the quota. Keys: organization_id, provider, model, attribution, and estimated_cost (USD) or input_tokens with max_output_tokens; optional estimated_tokens, units with unit_type, requests, expires_in (seconds), is_byok (the caller brings the provider''s key: no prepaid credit is spent), idempotency_key.';
revoke execute on function public.reserve_usage(jsonb) from public, anon, authenticated;
grant execute on function public.reserve_usage(jsonb) to authenticated, service_role;
