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
    -- As an admission does: what a crash can lose here are counters of calls that were not made.
    perform set_config('synchronous_commit', 'off', true);
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

create function tally.request_alike(calls jsonb)
returns tally.reserve_request
language plpgsql stable security definer set search_path = ''
as $$
declare
  -- What calls of one caller to one model differ in, without another quota or another rule.
  v_own constant text[] := array['input_tokens', 'max_output_tokens', 'operation', 'session_id',
    'workflow_id', 'execution_id'];
  v_call constant jsonb := request_alike.calls #> '{0,1}';
  v_shared constant jsonb := (request_alike.calls #> '{0,0}') - v_own;
  r tally.reserve_request;
begin
  if v_call ?| '{idempotency_key,classes,is_free}'::text[]
    or v_shared
      ?| '{idempotency_key,estimated_cost,estimated_tokens,requests,units,unit_type}'::text[]
    or exists (
      select from jsonb_array_elements(request_alike.calls) as c
      where c.value -> 1 <> v_call or (c.value -> 0) - v_own <> v_shared)
  then
    return null;
  end if;
  r := tally.read_request(request_alike.calls #> '{0,0}');
  r.requests := 1;
  return r;
end;
$$;
comment on function tally.request_alike(jsonb) is
  'The first request of calls, [[request, call], …], that are the same but for their tokens and what they belong to; null: some differ in more, or ask for more than tokens.';
revoke execute on function tally.request_alike(jsonb) from public, anon, authenticated;

create function tally.hold_calls_alike(calls jsonb)
returns setof jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  r tally.reserve_request := tally.request_alike(hold_calls_alike.calls);
  v_at constant timestamptz := now();
  v_terms tally.gateway_terms;
  v_limits tally.gateway_limits;
  v_room record;
  v_cost numeric;
  v_priced_model text;
  v_holds uuid[];
  v_amounts jsonb[];
  v_attributions jsonb[];
  v_headroom jsonb;
  v_answer jsonb;
begin
  if r.organization_id is null then
    return;
  end if;
  v_terms := tally.find_gateway_terms(
    hold_calls_alike.calls #> '{0,0}', hold_calls_alike.calls #> '{0,1}');
  v_limits := v_terms.limits;
  r.is_byok := nullif(v_terms.is_byok, false);
  if not v_terms.has_key
    or num_nonnulls(v_limits.requests_per_minute, v_limits.max_call_cost) > 0 then
    return;
  end if;
  with asked as materialized (
    select c.place, jsonb_populate_record(r, c.value -> 0) as request
    from jsonb_array_elements(hold_calls_alike.calls) with ordinality as c (value, place)
  ),
  bounds as materialized (
    select d.input_tokens, d.max_output_tokens, u.cost_usd, u.priced_model
    from (
      select distinct (a.request).input_tokens, (a.request).max_output_tokens from asked as a
    ) as d
    cross join lateral tally.upper_bound_cost(r.provider, r.model, d.input_tokens,
      d.max_output_tokens, r.organization_id, r.service_tier, v_at) as u
    where d.input_tokens between 0 and 1000000000000
      and d.max_output_tokens between 0 and 1000000000000
  )
  select sum(b.cost_usd), max(b.priced_model), count(b.cost_usd),
    sum((a.request).input_tokens), sum((a.request).max_output_tokens),
    array_agg(tally.uuid_v7(v_at) order by a.place),
    array_agg(tally.requested_amounts(a.request, b.cost_usd) order by a.place),
    array_agg(tally.requested_attribution(a.request) order by a.place)
  into v_cost, v_priced_model, r.requests, r.input_tokens, r.max_output_tokens, v_holds, v_amounts,
    v_attributions
  from asked as a
  join bounds as b on b.input_tokens = (a.request).input_tokens
    and b.max_output_tokens = (a.request).max_output_tokens;
  if r.requests < jsonb_array_length(hold_calls_alike.calls) then
    return;
  end if;
  -- Room for all of them is room for each. Where there is none, some may fit all the same.
  v_room := tally.reserve_room(r, v_priced_model, tally.requested_amounts(r, v_cost), false, v_at);
  if v_room.blocked_by is not null then
    return;
  end if;
  insert into public.usage_holds as h (id, organization_id, user_id, api_key_id, provider, model,
    tool_name, resource_type, attribution, amounts, quota_ids, created_at, expires_at)
  select c.hold_id, r.organization_id, r.user_id, r.api_key_id, r.provider, r.model, r.tool_name,
    coalesce(r.resource_type, 'token'), nullif(c.attribution, '{}'), c.amounts,
    coalesce(v_room.quota_ids, '{}'), v_at, v_at + r.expires_in * interval '1 second'
  from unnest(v_holds, v_amounts, v_attributions) as c (hold_id, amounts, attribution);
  -- What is left beside all of them is left beside each, at least.
  v_headroom := tally.hold_headroom(v_holds[1], r.organization_id, v_at);
  v_answer := jsonb_strip_nulls(jsonb_build_object('allowed', true,
    'provider_key', v_terms.provider_key,
    'retries', coalesce(v_limits.max_retries, 0), 'fallback', v_limits.fallback));
  return query
  select v_answer || jsonb_strip_nulls(jsonb_build_object('hold_id', c.hold_id,
    'headroom', v_headroom
      || jsonb_build_object('held', c.amounts ->> (v_headroom ->> 'metric'))))
  from unnest(v_holds, v_amounts) as c (hold_id, amounts);
end;
$$;
comment on function tally.hold_calls_alike(jsonb) is
  'Admits calls that are alike together, as tally.admit_gateway_call would one by one; no row: they are not, or not all of them fit, and nothing was done.';
revoke execute on function tally.hold_calls_alike(jsonb) from public, anon, authenticated;

create function tally.is_about_call(state text)
returns boolean
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return left(is_about_call.state, 2) in ('PT', '22', '23');
end;
$$;
comment on function tally.is_about_call(text) is
  'Whether an error says what is wrong with one call, rather than with the server or the transaction.';
revoke execute on function tally.is_about_call(text) from public, anon, authenticated;

create function tally.admit_gateway_calls(calls jsonb)
returns setof jsonb
language plpgsql volatile security definer set search_path = '' set jit = off
  set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_each jsonb;
  v_answer jsonb;
  v_message text;
  v_detail text;
  v_hint text;
begin
  begin
    return query
    select a.answer from tally.hold_calls_alike(admit_gateway_calls.calls) as a (answer);
    if found then
      return;
    end if;
  exception when others then
    if not tally.is_about_call(sqlstate) then
      raise;
    end if;
  end;
  -- One after the other: exactly as many are admitted as fit, what is wrong with one is its own.
  for v_each in
    select c.value from jsonb_array_elements(admit_gateway_calls.calls) as c
  loop
    begin
      v_answer := tally.admit_gateway_call(v_each -> 0, v_each -> 1);
    exception when others then
      if not tally.is_about_call(sqlstate) then
        raise;
      end if;
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail,
        v_hint = pg_exception_hint;
      v_answer := jsonb_build_object('error', jsonb_build_object('code', sqlstate,
        'message', v_message, 'detail', v_detail, 'hint', v_hint));
    end;
    return next v_answer;
  end loop;
end;
$$;
comment on function tally.admit_gateway_calls(jsonb) is
  'Admits calls through the gateway, [[request, call], …], in their order: an answer of tally.admit_gateway_call each, or {error: {code, message, detail, hint}}. Those of one caller to one model are admitted together where all of them fit.';
revoke execute on function tally.admit_gateway_calls(jsonb) from public, anon, authenticated;
grant execute on function tally.admit_gateway_calls(jsonb) to service_role;

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

create type tally.gateway_settlement as (
  place bigint,
  id uuid,
  cost_usd numeric,
  remaining numeric,
  error jsonb
);
comment on type tally.gateway_settlement is
  'The answer to the settlement of one call among several: its place from 1, and what is recorded or what was wrong with it.';

create function tally.settle_open_holds(calls jsonb)
returns setof tally.gateway_settlement
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- Settlements of one hold meet here, in id order; the next statement sees what each other did.
  perform
  from public.usage_holds as h
  where h.id = any (array(
    select (c.value ->> 0)::uuid from jsonb_array_elements(settle_open_holds.calls) as c))
  order by h.id
  for no key update;
  return query
  with asked as materialized (
    select c.place, (c.value ->> 0)::uuid as hold_id, c.value -> 1 as event, c.value -> 2 as more,
      count(*) over (partition by c.value ->> 0) as of_its_hold,
      count(*) over (partition by c.value #>> '{1,id}') as of_its_id
    from jsonb_array_elements(settle_open_holds.calls) with ordinality as c (value, place)
  ),
  checked as materialized (
    select a.place, a.event as raw, a.more, h.id as hold_id, h.quota_ids, h.amounts, k.event,
      k.price_id, k.priced_model
    from asked as a
    -- By its key: whatever the planner thinks of how many are open.
    cross join lateral (
      select o.* from public.usage_holds as o where o.id = a.hold_id offset 0
    ) as h
    cross join lateral tally.check_event(a.event, now(), null, tally.event_of_hold(h)) as k
    where a.of_its_hold = 1 and a.of_its_id = 1 and a.event ? 'id' and h.state = 'open'
      and not a.more ?| '{is_late,others}'::text[]
      and k.problem is null and (k.event).idempotency_key is null
      and (k.event).organization_id = h.organization_id
  ),
  remembered as materialized (
    select tally.remember_model(m.provider, m.model)
    from (
      select distinct (c.event).provider, (c.event).model from checked as c
      where c.price_id is null or c.priced_model <> (c.event).model
      order by 1, 2
    ) as m
  ),
  written as (
    insert into public.token_usage as u (organization_id, id, created_at, input_tokens,
      output_tokens, price_id, user_id, api_key_id, execution_id, duration_ms, is_estimated,
      is_byok, provider, model, tool_name, operation, resource_type, service_tier, status,
      session_id, workflow_id, unit_type, units, cost_usd, classes, request_metadata)
    select e.organization_id, e.id, e.created_at, e.input_tokens, e.output_tokens, e.price_id,
      e.user_id, e.api_key_id, e.execution_id, e.duration_ms, e.is_estimated, e.is_byok,
      e.provider, e.model, e.tool_name, e.operation, e.resource_type, e.service_tier, e.status,
      e.session_id, e.workflow_id, e.unit_type, e.units, e.cost_usd, e.classes,
      e.request_metadata
    from (select (c.event).*, c.price_id from checked as c) as e
    where (select count(*) from remembered) >= 0
    order by e.organization_id, e.created_at, e.id
    on conflict (organization_id, created_at, id) do nothing
    returning u.id
  ),
  settled as materialized (
    select c.* from checked as c join written as w on w.id = (c.event).id
  ),
  -- One delta for all whose holds touch the same quotas.
  counted_in as (
    insert into tally.usage_deltas (organization_id, due_at, event_ids, event_times,
      released_quotas, released, is_beyond_hold)
    select g.organization_id, g.due_at, g.event_ids, g.event_times, g.quota_ids,
      (
        select coalesce(jsonb_object_agg(m.metric, m.amount), '{}')
        from (
          select a.key as metric, sum((a.value)::numeric) as amount
          from unnest(g.amounts) as r (amounts)
          cross join lateral jsonb_each(r.amounts) as a
          group by a.key
        ) as m
      ),
      g.is_beyond_hold
    from (
      select (c.event).organization_id, c.quota_ids, max((c.event).created_at) as due_at,
        array_agg((c.event).id) as event_ids, array_agg((c.event).created_at) as event_times,
        array_agg(c.amounts) as amounts,
        bool_or(tally.is_beyond_hold(c.event, c.priced_model, c.quota_ids, c.amounts))
          as is_beyond_hold
      from settled as c
      group by (c.event).organization_id, c.quota_ids
    ) as g
  ),
  ended as (
    update public.usage_holds as h
    set state = 'settled', event_id = (c.event).id, ended_at = now()
    from settled as c
    where h.id = c.hold_id and h.organization_id = (c.event).organization_id
  ),
  noted as materialized (
    select tally.note_token_count(c.raw ->> 'provider', c.more ->> 'counted_model',
      (c.more ->> 'counted_tokens')::bigint, (c.raw ->> 'input_tokens')::bigint)
    from settled as c
    where c.more ? 'counted_tokens'
  )
  select c.place, (c.event).id, (c.event).cost_usd, case when c.more ? 'headroom' then
    tally.headroom_after(c.more -> 'headroom', (c.event).cost_usd, (c.event).input_tokens,
      (c.event).output_tokens, (c.event).units) end, null::jsonb
  from settled as c
  where (select count(*) from noted) >= 0;
end;
$$;
comment on function tally.settle_open_holds(jsonb) is
  'Settles those of several calls, [[hold_id, event, more], …], that are as usual: their holds are open, their events new and without fault. The others get no row, and nothing is done for them.';
revoke execute on function tally.settle_open_holds(jsonb) from public, anon, authenticated;

create function tally.settle_gateway_calls(calls jsonb)
returns table (id uuid, cost_usd numeric, remaining numeric, error jsonb)
language plpgsql volatile security definer set search_path = '' set jit = off
  set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_answers tally.gateway_settlement[];
  v_each record;
  v_answer jsonb;
  v_message text;
  v_detail text;
  v_hint text;
begin
  v_answers := array(
    select s from tally.settle_open_holds(settle_gateway_calls.calls) as s
    where tally.is_operator());
  -- The others one by one, in the order of their holds: what is wrong with one is its own.
  for v_each in
    select c.place, c.value from jsonb_array_elements(settle_gateway_calls.calls)
      with ordinality as c (value, place)
    where cardinality(v_answers) < jsonb_array_length(settle_gateway_calls.calls)
      and c.place not in (select a.place from unnest(v_answers) as a)
    order by c.value ->> 0, c.place
  loop
    begin
      v_answer := tally.settle_gateway_call(
        (v_each.value ->> 0)::uuid, v_each.value -> 1, v_each.value -> 2);
    exception when others then
      if not tally.is_about_call(sqlstate) then
        raise;
      end if;
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail,
        v_hint = pg_exception_hint;
      v_answer := jsonb_build_object('error', jsonb_build_object('code', sqlstate,
        'message', v_message, 'detail', v_detail, 'hint', v_hint));
    end;
    v_answers := v_answers || (v_each.place, v_answer ->> 'id', v_answer ->> 'cost_usd',
      v_answer ->> 'remaining', v_answer -> 'error')::tally.gateway_settlement;
  end loop;
  return query
  select a.id, a.cost_usd, a.remaining, a.error
  from unnest(v_answers) as a
  order by a.place;
end;
$$;
comment on function tally.settle_gateway_calls(jsonb) is
  'Settles calls through the gateway, [[hold_id, event, more], …]: in their order, an answer of tally.settle_gateway_call each, or the error {code, message, detail, hint}. Those that are as usual are settled together.';
revoke execute on function tally.settle_gateway_calls(jsonb) from public, anon, authenticated;
grant execute on function tally.settle_gateway_calls(jsonb) to service_role;

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
