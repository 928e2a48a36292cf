-- A call through the gateway: one statement to admit it, one to record it.

create function tally.refuse_gateway_caller(call jsonb, scopes text[], event_id uuid)
returns void
language plpgsql stable security definer set search_path = ''
as $$
begin
  if refuse_gateway_caller.call ? 'api_key' and refuse_gateway_caller.scopes is null then
    perform tally.fail('PT401', 'The API key is unknown, expired or revoked.', null,
      'Make a new one with create_api_key().');
  elsif refuse_gateway_caller.call ? 'api_key' and 'gateway' <> all (refuse_gateway_caller.scopes)
  then
    perform tally.fail('PT403', 'The API key may not be used for gateway.', 'scopes',
      'Make a key whose scopes include gateway.');
  elsif refuse_gateway_caller.event_id is not null then
    perform tally.fail('PT409', 'A call with this idempotency-key was answered already.',
      format('usage %s', refuse_gateway_caller.event_id),
      'Answers are not kept. To make the call again, send a new key.');
  end if;
  perform tally.fail('PT403', 'You are not a member of this organization.', 'x-tally-organization',
    'Name one of your own organizations in x-tally-organization.');
end;
$$;
comment on function tally.refuse_gateway_caller(jsonb, text[], uuid) is
  'Raises why a caller may not make a call: the API key is not valid now, the caller''s idempotency key is used up, the user is no member.';
revoke execute on function tally.refuse_gateway_caller(jsonb, text[], uuid)
  from public, anon, authenticated;

create function tally.gateway_call_cost(request jsonb, classes text[], at timestamptz)
returns numeric
language plpgsql stable security definer set search_path = '' set enable_seqscan = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_organization_id uuid := (gateway_call_cost.request ->> 'organization_id')::uuid;
  v_cost numeric;
  v_unit_cost numeric := 0;
begin
  if gateway_call_cost.request ? 'input_tokens' then
    select u.cost_usd into v_cost
    from tally.upper_bound_cost(
      gateway_call_cost.request ->> 'provider', gateway_call_cost.request ->> 'model',
      (gateway_call_cost.request ->> 'input_tokens')::bigint,
      (gateway_call_cost.request ->> 'max_output_tokens')::bigint, v_organization_id,
      gateway_call_cost.request ->> 'service_tier', gateway_call_cost.at,
      gateway_call_cost.classes) as u;
  else
    v_cost := 0;
  end if;
  if gateway_call_cost.request ? 'unit_type' then
    select p.cost_usd into v_unit_cost
    from tally.price_call(v_organization_id, gateway_call_cost.request ->> 'provider',
      gateway_call_cost.request ->> 'model',
      coalesce(gateway_call_cost.request ->> 'service_tier', 'standard'),
      jsonb_build_object(gateway_call_cost.request ->> 'unit_type',
        gateway_call_cost.request -> 'units'), 0,
      gateway_call_cost.at) as p;
  end if;
  return v_cost + v_unit_cost;
end;
$$;
comment on function tally.gateway_call_cost(jsonb, text[], timestamptz) is
  'The most a call through the gateway can cost, in USD: its tokens at the dearest of the classes that may apply, and its units. Null: no price.';
revoke execute on function tally.gateway_call_cost(jsonb, text[], timestamptz)
  from public, anon, authenticated;

create function tally.hold_headroom(hold_id uuid, organization_id uuid, at timestamptz)
returns jsonb
language plpgsql stable security definer set search_path = '' set enable_seqscan = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_quota_ids uuid[];
  v_amounts jsonb;
  v_headroom jsonb;
  v_is_busy boolean;
begin
  -- The folded columns count recent calls at their upper bounds. Where many such are held or not
  -- folded yet, it is enough to say that this much is left at least.
  select h.quota_ids, h.amounts, q.headroom, q.is_busy
  into v_quota_ids, v_amounts, v_headroom, v_is_busy
  from public.usage_holds as h
  cross join lateral (
    select
      jsonb_build_object('metric', q.metric,
        'remaining', trim_scale(greatest(q.quota_limit - q.current_usage - q.reserved, 0))::text,
        'held', h.amounts ->> q.metric) as headroom,
      q.reserved > 16 * (h.amounts -> q.metric)::numeric as is_busy
    from public.usage_quotas as q
    where q.organization_id = h.organization_id and q.id = any (h.quota_ids)
    order by (q.quota_limit - q.current_usage - q.reserved) / nullif(q.quota_limit, 0) nulls first,
      q.id
    limit 1
  ) as q
  where h.id = hold_headroom.hold_id and h.organization_id = hold_headroom.organization_id;
  if v_headroom is null or v_is_busy then
    return v_headroom;
  end if;
  return (
    select jsonb_build_object('metric', (s.quota).metric,
      'remaining', trim_scale(greatest((s.quota).quota_limit - s.used - s.held, 0))::text,
      'held', v_amounts ->> (s.quota).metric)
    from tally.quota_states(hold_headroom.organization_id, hold_headroom.at, v_quota_ids) as s
    order by ((s.quota).quota_limit - s.used - s.held)
      / nullif((s.quota).quota_limit, 0) nulls first, (s.quota).id
    limit 1
  );
end;
$$;
comment on function tally.hold_headroom(uuid, uuid, timestamptz) is
  'What is left of the tightest quota that a hold touches, beside the hold: {metric, remaining, held}, amounts as text; null without quotas.';
revoke execute on function tally.hold_headroom(uuid, uuid, timestamptz)
  from public, anon, authenticated;

create type tally.gateway_limits as (
  requests_per_minute integer,
  max_call_cost numeric,
  max_retries integer,
  fallback text
);
comment on type tally.gateway_limits is 'What the policies of an organization say of one call.';

create function tally.apply_gateway_policies(organization_id uuid, provider text, model text)
returns tally.gateway_limits
language plpgsql stable security definer set search_path = '' set enable_seqscan = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_policy public.gateway_policies;
  v_limits tally.gateway_limits;
begin
  -- The operator's row comes first, so that the organization's own choice wins where both may
  -- choose.
  for v_policy in
    select p.* from public.gateway_policies as p
    where p.organization_id = apply_gateway_policies.organization_id order by p.managed_by desc
  loop
    if v_policy.allowed_models is not null and apply_gateway_policies.model <> ''
      and not tally.is_model_listed(v_policy.allowed_models, apply_gateway_policies.provider,
        apply_gateway_policies.model) then
      perform tally.fail('PT403', format('The model %s is not among those that the %s allows.',
        apply_gateway_policies.model, v_policy.managed_by), 'model',
        'Use one of ' || array_to_string(v_policy.allowed_models, ', ') || '.');
    end if;
    v_limits.requests_per_minute := least(v_limits.requests_per_minute,
      v_policy.requests_per_minute);
    v_limits.max_call_cost := least(v_limits.max_call_cost, v_policy.max_call_cost);
    v_limits.max_retries := coalesce(v_policy.max_retries, v_limits.max_retries);
    v_limits.fallback := coalesce(v_policy.fallback_models ->> apply_gateway_policies.model,
      v_limits.fallback);
  end loop;
  return v_limits;
end;
$$;
comment on function tally.apply_gateway_policies(uuid, text, text) is
  'The limits of both policies of an organization for a call, the tighter one of each; raises PT403 for a model that they do not allow.';
revoke execute on function tally.apply_gateway_policies(uuid, text, text)
  from public, anon, authenticated;

create type tally.gateway_terms as (
  limits tally.gateway_limits,
  provider_key text,
  has_key boolean,
  is_byok boolean
);
comment on type tally.gateway_terms is
  'What a call must keep to, the organization''s own key for the provider, whether there is any key for it, and whether that is not the operator''s.';

create function tally.find_gateway_terms(request jsonb, call jsonb)
returns tally.gateway_terms
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_organization_id constant uuid := (find_gateway_terms.request ->> 'organization_id')::uuid;
  v_provider constant text := find_gateway_terms.request ->> 'provider';
  v_scopes text[];
  v_event_id uuid;
  v_has_policy boolean;
  v_has_key boolean;
  v_terms tally.gateway_terms;
begin
  -- Whoever calls was looked at before the call was read; this is what counts, so that a key ends
  -- at once when it is revoked. As tally.verify_api_key does, whose plan would be made anew by each
  -- call.
  select
    case when find_gateway_terms.call ? 'api_key' then (
      select k.scopes from public.api_keys as k
      where k.key_hash = sha256(convert_to(find_gateway_terms.call ->> 'api_key', 'UTF8'))
        and k.organization_id = v_organization_id and k.revoked_at is null
        and (k.expires_at is null or k.expires_at > now()))
    end,
    case when find_gateway_terms.call ? 'idempotency_key' then (
      select k.event_id from tally.idempotency_keys as k
      where k.organization_id = v_organization_id
        and k.idempotency_key = find_gateway_terms.call ->> 'idempotency_key')
    end,
    exists (select from public.gateway_policies as p where p.organization_id = v_organization_id),
    exists (
      select from tally.provider_keys as k
      where k.organization_id = v_organization_id and k.provider = v_provider)
  into v_scopes, v_event_id, v_has_policy, v_has_key;
  if v_event_id is not null
    or find_gateway_terms.call ? 'api_key' and coalesce('gateway' <> all (v_scopes), true)
    or find_gateway_terms.call ? 'member_id'
    and tally.role_in((find_gateway_terms.call ->> 'member_id')::uuid, v_organization_id) is null
  then
    perform tally.refuse_gateway_caller(find_gateway_terms.call, v_scopes, v_event_id);
  end if;
  if v_has_policy then
    v_terms.limits := tally.apply_gateway_policies(v_organization_id, v_provider,
      find_gateway_terms.request ->> 'model');
  end if;
  if v_has_key and not find_gateway_terms.call ? 'has_own_key' then
    v_terms.provider_key := tally.provider_key(v_organization_id, v_provider);
  end if;
  v_terms.is_byok := v_terms.provider_key is not null
    or find_gateway_terms.call ? 'has_own_key';
  v_terms.has_key := v_terms.is_byok or find_gateway_terms.call ? 'has_operator_key';
  return v_terms;
end;
$$;
comment on function tally.find_gateway_terms(jsonb, jsonb) is
  'What a caller may do and with which key for the provider, after a look at who calls and at the policies; raises why he may not call.';
revoke execute on function tally.find_gateway_terms(jsonb, jsonb) from public, anon, authenticated;

create function tally.admit_gateway_call(request jsonb, call jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = '' set jit = off
  set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_organization_id constant uuid := (admit_gateway_call.request ->> 'organization_id')::uuid;
  v_terms constant tally.gateway_terms :=
    tally.find_gateway_terms(admit_gateway_call.request, admit_gateway_call.call);
  v_limits constant tally.gateway_limits := v_terms.limits;
  v_wait numeric;
  v_request jsonb := admit_gateway_call.request;
  v_cost numeric;
  v_answer jsonb;
begin
  if v_limits.requests_per_minute is not null and not admit_gateway_call.call ? 'is_fallback' then
    -- What a crash can lose here are counters of calls that were not made.
    perform tally.commit_admission_later();
    v_wait := tally.take_request(v_organization_id, v_limits.requests_per_minute, now());
    if v_wait is not null then
      return jsonb_build_object('allowed', false, 'refused_by', 'rate', 'retry_after', v_wait,
        'requests_per_minute', v_limits.requests_per_minute);
    end if;
  end if;
  if not v_terms.has_key then
    return jsonb_build_object('allowed', false, 'refused_by', 'key');
  end if;
  if admit_gateway_call.call ? 'is_free' then
    return jsonb_strip_nulls(jsonb_build_object('allowed', true,
      'provider_key', v_terms.provider_key,
      'retries', coalesce(v_limits.max_retries, 0), 'fallback', v_limits.fallback));
  end if;
  if v_terms.is_byok then
    v_request := v_request || '{"is_byok": true}';
  end if;
  -- What the reservation prices by itself, unless a class may be dearer or the price is asked for
  -- here.
  if v_limits.max_call_cost is not null or admit_gateway_call.call ? 'classes' then
    v_cost := tally.gateway_call_cost(v_request,
      string_to_array(admit_gateway_call.call ->> 'classes', ','), now());
    if coalesce(v_cost > v_limits.max_call_cost, v_limits.max_call_cost is not null) then
      return jsonb_build_object('allowed', false, 'refused_by', 'quota',
        'blocked_by', jsonb_build_object(
        'quota_id', null, 'metric', 'cost_usd', 'quota_type', 'call',
        'quota_limit', v_limits.max_call_cost, 'current_usage', 0, 'reserved', 0,
        'remaining', v_limits.max_call_cost, 'requested', v_cost, 'reset_at', null,
        'reason', case when v_cost is null then 'unpriced' else 'call' end));
    elsif v_cost is not null then
      v_request := v_request || jsonb_build_object('estimated_cost', v_cost);
    end if;
  end if;
  v_answer := tally.reserve_usage(v_request);
  if not (v_answer -> 'allowed')::boolean then
    return jsonb_build_object('allowed', false, 'refused_by', 'quota',
      'blocked_by', v_answer -> 'blocked_by');
  end if;
  return jsonb_strip_nulls(jsonb_build_object('allowed', true, 'hold_id', v_answer -> 'hold_id',
    'provider_key', v_terms.provider_key,
    'retries', coalesce(v_limits.max_retries, 0), 'fallback', v_limits.fallback,
    'headroom', tally.hold_headroom((v_answer ->> 'hold_id')::uuid, v_organization_id, now())));
end;
$$;
comment on function tally.admit_gateway_call(jsonb, jsonb) is
  'Admits a call through the gateway: {allowed, hold_id, provider_key, retries, fallback, headroom}, or {allowed: false, refused_by: rate, key or quota, …}. `request` is that of reserve_usage; `call` says who calls (api_key, member_id), classes, idempotency_key, has_own_key, has_operator_key, is_free, is_fallback.';
revoke execute on function tally.admit_gateway_call(jsonb, jsonb) from public, anon, authenticated;
grant execute on function tally.admit_gateway_call(jsonb, jsonb) to service_role;

create function tally.record_late_call(hold_id uuid, event jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = '' set jit = off
  set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
  if exists (
    select
    from public.usage_holds as h
    join public.token_usage as u
      on u.organization_id = h.organization_id and u.id = h.event_id
        and u.created_at = tally.uuid_time(h.event_id)
    where h.id = record_late_call.hold_id and u.request_metadata @> '{"unsettled_hold": true}'
  ) then
    perform tally.fail('PT409', 'The tidy-up has settled this call at its upper bound.',
      format('hold %s', record_late_call.hold_id),
      'The use is in the ledger; nothing is left to do.');
  end if;
  return tally.track_usage(record_late_call.event);
end;
$$;
comment on function tally.record_late_call(uuid, jsonb) is
  'Records a call whose hold was ended by somebody else before it was settled: the call was made. PT409 when the tidy-up has recorded it.';
revoke execute on function tally.record_late_call(uuid, jsonb) from public, anon, authenticated;

create function tally.headroom_after(
  headroom jsonb, cost_usd numeric, input_tokens bigint, output_tokens bigint, units numeric)
returns numeric
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return trim_scale(greatest((headroom_after.headroom ->> 'remaining')::numeric
    + coalesce((headroom_after.headroom ->> 'held')::numeric, 0)
    - coalesce(case headroom_after.headroom ->> 'metric'
      when 'cost_usd' then headroom_after.cost_usd
      when 'total_tokens' then headroom_after.input_tokens + headroom_after.output_tokens
      when 'input_tokens' then headroom_after.input_tokens
      when 'output_tokens' then headroom_after.output_tokens
      when 'requests' then 1
      when 'units' then headroom_after.units
    end, 0), 0));
end;
$$;
comment on function tally.headroom_after(jsonb, numeric, bigint, bigint, numeric) is
  'What is left of the headroom of an admission once its hold has ended and this was used.';
revoke execute on function tally.headroom_after(jsonb, numeric, bigint, bigint, numeric)
  from public, anon, authenticated;

create function tally.settle_gateway_call(hold_id uuid, event jsonb, more jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_answer jsonb;
  v_other jsonb;
  v_remaining numeric;
begin
  if settle_gateway_call.more ? 'is_late' then
    v_answer := tally.record_late_call(settle_gateway_call.hold_id, settle_gateway_call.event);
  else
    v_answer := tally.settle_usage(settle_gateway_call.hold_id, settle_gateway_call.event, true);
  end if;
  if settle_gateway_call.more ? 'others' then
    for v_other in select o.value
      from jsonb_array_elements(settle_gateway_call.more -> 'others') as o loop
      perform public.track_usage(v_other);
    end loop;
  end if;
  if settle_gateway_call.more ? 'counted_tokens' then
    perform tally.note_token_count(settle_gateway_call.event ->> 'provider',
      settle_gateway_call.more ->> 'counted_model',
      (settle_gateway_call.more ->> 'counted_tokens')::bigint,
      (settle_gateway_call.event ->> 'input_tokens')::bigint);
  end if;
  if settle_gateway_call.more ? 'headroom' then
    v_remaining := tally.headroom_after(settle_gateway_call.more -> 'headroom',
      (v_answer ->> 'cost_usd')::numeric, (v_answer ->> 'input_tokens')::bigint,
      (v_answer ->> 'output_tokens')::bigint, (settle_gateway_call.event ->> 'units')::numeric);
  end if;
  return jsonb_build_object('id', v_answer -> 'id', 'cost_usd', v_answer -> 'cost_usd',
    'remaining', v_remaining);
end;
$$;
comment on function tally.settle_gateway_call(uuid, jsonb, jsonb) is
  'Settles a call through the gateway and what belongs to it, in one transaction: events of other models that the same answer used (others), how its prompt was counted (counted_tokens), what is left now (headroom of the admission): {id, cost_usd, remaining}. is_late: its hold was ended by somebody else, the event is recorded by itself.';
revoke execute on function tally.settle_gateway_call(uuid, jsonb, jsonb)
  from public, anon, authenticated;
grant execute on function tally.settle_gateway_call(uuid, jsonb, jsonb) to service_role;

create function tally.settle_unsettled_holds(
  max_holds integer default 500, at timestamptz default now())
returns integer
language plpgsql volatile security definer set search_path = '' set jit = off
as $$
declare
  v_hold public.usage_holds;
  v_settled integer := 0;
begin
  perform tally.require_operator('settle what nobody settled');
  for v_hold in
    select h.*
    from public.usage_holds as h
    where h.organization_id in (
        select p.organization_id from public.gateway_policies as p
        group by p.organization_id
        having (array_agg(p.unsettled_holds order by p.managed_by desc)
          filter (where p.unsettled_holds is not null))[1] = 'settle')
      and (h.state = 'open' and h.expires_at <= settle_unsettled_holds.at
        or h.state = 'expired' and h.event_id is null)
      -- One call each: of a hold for a whole run, what is left belongs to calls that were never
      -- made.
      and h.amounts ->> 'requests' = '1'
    order by h.id
    limit settle_unsettled_holds.max_holds
    for no key update skip locked
  loop
    perform tally.settle_usage(v_hold.id, jsonb_strip_nulls(jsonb_build_object(
      'status', 'timeout', 'is_estimated', true,
      'input_tokens', coalesce((v_hold.amounts -> 'input_tokens')::bigint, 0),
      'output_tokens', coalesce((v_hold.amounts -> 'output_tokens')::bigint, 0),
      'cost_usd', v_hold.amounts -> 'cost_usd',
      'request_metadata', jsonb_build_object('unsettled_hold', true))), true);
    v_settled := v_settled + 1;
  end loop;
  return v_settled;
end;
$$;
comment on function tally.settle_unsettled_holds(integer, timestamptz) is
  'Settles holds of single calls that ran out, at their upper bounds, for organizations whose policy says so; the events are marked unsettled_hold. Returns how many. For tick(), before it folds.';
revoke execute on function tally.settle_unsettled_holds(integer, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.settle_unsettled_holds(integer, timestamptz) to service_role;
