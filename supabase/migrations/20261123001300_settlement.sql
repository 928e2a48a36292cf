-- Settlement: how a hold ends. Settling only appends; no quota row is touched.

create function tally.find_hold(hold_id uuid, is_locked boolean default true)
returns public.usage_holds
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_hold public.usage_holds;
begin
  if find_hold.hold_id is null then
    perform tally.fail('PT400', 'hold_id is missing.', 'hold_id',
      'It is in the answer of reserve_usage().');
  end if;
  if find_hold.is_locked then
    select h.* into v_hold from public.usage_holds as h
    where h.id = find_hold.hold_id for no key update;
  else
    select h.* into v_hold from public.usage_holds as h where h.id = find_hold.hold_id;
  end if;
  if v_hold.id is not null and not tally.is_operator() then
    if v_hold.user_id is distinct from auth.uid() then
      perform tally.fail('PT403', 'This hold belongs to somebody else.', 'hold_id');
    end if;
    perform tally.require_recorder(v_hold.organization_id);
  end if;
  return v_hold;
end;
$$;
comment on function tally.find_hold(uuid, boolean) is
  'A hold that the caller may act on, locked unless the caller says otherwise; null when there is none.';
revoke execute on function tally.find_hold(uuid, boolean) from public, anon, authenticated;

create function tally.drawn_amounts(amounts jsonb, event tally.event)
returns jsonb
language sql immutable security invoker set search_path = ''
as $$
  select coalesce(jsonb_object_agg(a.key, least((a.value)::numeric, case a.key
    when 'cost_usd' then coalesce((drawn_amounts.event).cost_usd, 0)
    when 'total_tokens'
      then (drawn_amounts.event).input_tokens + (drawn_amounts.event).output_tokens
    when 'input_tokens' then (drawn_amounts.event).input_tokens
    when 'output_tokens' then (drawn_amounts.event).output_tokens
    when 'requests' then 1
    when 'units' then coalesce((drawn_amounts.event).units, 0)
  end)), '{}')
  from jsonb_each(drawn_amounts.amounts) as a
$$;
comment on function tally.drawn_amounts(jsonb, tally.event) is
  'What an event takes out of a hold that goes on: per metric, at most what is left in it.';
revoke execute on function tally.drawn_amounts(jsonb, tally.event) from public, anon, authenticated;

create function tally.claim_unknown_hold(hold_id uuid, event tally.event)
returns public.usage_holds
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_hold public.usage_holds;
begin
  -- One of ours that is so old may have been settled and dropped since.
  if substr(claim_unknown_hold.hold_id::text, 15, 1) = '7'
    and tally.uuid_time(claim_unknown_hold.hold_id)
      < now() - (select s.event_late_limit from tally.settings as s) then
    perform tally.fail('PT404', format('There is no hold %s any more.', claim_unknown_hold.hold_id),
      'hold_id', 'Record the event with track_usage().');
  end if;
  -- A crash may have taken the hold, never the use: its row is made again as the claim of this
  -- settlement.
  insert into public.usage_holds as h (id, organization_id, user_id, api_key_id, provider, model,
    tool_name, resource_type, amounts, state, created_at, expires_at, ended_at)
  values (claim_unknown_hold.hold_id, (claim_unknown_hold.event).organization_id,
    (claim_unknown_hold.event).user_id, (claim_unknown_hold.event).api_key_id,
    (claim_unknown_hold.event).provider, (claim_unknown_hold.event).model,
    (claim_unknown_hold.event).tool_name, (claim_unknown_hold.event).resource_type, '{}', 'expired',
    now(), now(), now())
  on conflict do nothing;
  select h.* into v_hold from public.usage_holds as h
  where h.id = claim_unknown_hold.hold_id for no key update;
  return v_hold;
end;
$$;
comment on function tally.claim_unknown_hold(uuid, tally.event) is
  'Makes the row of a hold that a crash took, so that its settlement is recorded once.';
revoke execute on function tally.claim_unknown_hold(uuid, tally.event) from public, anon,
  authenticated;

create function tally.event_of_hold(hold public.usage_holds)
returns tally.event
language plpgsql stable security invoker set search_path = ''
as $$
declare
  h alias for hold;
  e tally.event := (h.organization_id, null, null, h.provider, h.model, h.tool_name, null,
    h.resource_type, 'standard', 'success', h.user_id, h.api_key_id, null, null, null, null, null,
    null, null, null, null, null, false, false, null, null);
begin
  if h.attribution is not null then
    e := jsonb_populate_record(e, h.attribution);
  end if;
  return e;
end;
$$;
comment on function tally.event_of_hold(public.usage_holds) is
  'What is known of an event from the request of its hold.';
revoke execute on function tally.event_of_hold(public.usage_holds)
  from public, anon, authenticated;

create function tally.replay_settlement(hold public.usage_holds, checked tally.checked_event)
returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  h public.usage_holds := replay_settlement.hold;
  v_event tally.checked_event := replay_settlement.checked;
  v_answer tally.recorded_event;
begin
  -- What is settled is settled: the same event again is a replay of the first answer.
  if not v_event.states_id then
    v_event.event.id := h.event_id;
  end if;
  if (v_event.event).id = h.event_id then
    v_event.event.created_at := tally.uuid_time(h.event_id);
  end if;
  v_event.event.idempotency_key := coalesce((v_event.event).idempotency_key, (
    select u.idempotency_key from public.token_usage as u
    where u.organization_id = h.organization_id and u.created_at = tally.uuid_time(h.event_id)
      and u.id = h.event_id));
  v_answer := tally.answer_replay(v_event);
  if v_answer.id is distinct from h.event_id then
    v_answer.status := 'conflict';
  end if;
  return tally.require_agreement(v_answer);
end;
$$;
comment on function tally.replay_settlement(public.usage_holds, tally.checked_event) is
  'The first answer to the settlement of a hold that is settled; raises PT409 when this one says something else.';
revoke execute on function tally.replay_settlement(public.usage_holds, tally.checked_event)
  from public, anon, authenticated;

create function tally.settle_usage(hold_id uuid, event jsonb, final boolean)
returns jsonb
language plpgsql volatile security definer set search_path = ''
  set jit = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_hold public.usage_holds := tally.find_hold(settle_usage.hold_id, not settle_usage.final);
  v_state text := v_hold.state;
  v_event tally.checked_event;
  v_answer jsonb;
  v_released jsonb;
begin
  if jsonb_typeof(settle_usage.event) is distinct from 'object' then
    perform tally.fail('PT400', 'An event must be a JSON object.', 'event');
  elsif v_state = 'released' then
    perform tally.fail('PT410', 'This hold was released.',
      format('hold %s, released at %s', v_hold.id, v_hold.ended_at),
      'If the call was made after all, record it with track_usage().');
  end if;
  v_event := tally.check_event(settle_usage.event, now(), null, tally.event_of_hold(v_hold));
  if v_event.problem is not null then
    perform tally.require_no_problem(v_event);
  end if;
  if v_hold.id is null then
    perform tally.require_recorder((v_event.event).organization_id);
    v_hold := tally.claim_unknown_hold(settle_usage.hold_id, v_event.event);
    v_state := v_hold.state;
  end if;
  if (v_event.event).organization_id <> v_hold.organization_id then
    perform tally.fail('PT400', 'The event belongs to another organization than its hold.',
      'organization_id');
  elsif v_state = 'settled' and settle_usage.final then
    return tally.replay_settlement(v_hold, v_event);
  end if;

  if settle_usage.final then
    -- Two settlements of one hold meet here: the second sees what the first did.
    update public.usage_holds as h
    set state = 'settled', event_id = (v_event.event).id, ended_at = now()
    where h.id = v_hold.id and h.organization_id = v_hold.organization_id and h.state = v_state
    returning h.* into v_hold;
    if not found then
      return tally.settle_usage(settle_usage.hold_id, settle_usage.event, true);
    end if;
  end if;
  if v_state <> 'open' then
    v_answer := tally.record_event(v_event);
  else
    v_released := case when settle_usage.final then v_hold.amounts
      else tally.drawn_amounts(v_hold.amounts, v_event.event) end;
    v_answer := tally.record_event(v_event, v_hold.quota_ids, v_released);
  end if;
  if v_answer ->> 'status' = 'recorded' then
    if v_state = 'open' and not settle_usage.final then
      update public.usage_holds as h
      set amounts = (
        select jsonb_object_agg(a.key, (a.value)::numeric - (v_released ->> a.key)::numeric)
        from jsonb_each(h.amounts) as a)
      where h.id = v_hold.id and h.organization_id = v_hold.organization_id;
    end if;
  elsif settle_usage.final then
    -- The use was recorded before, by another way: what is left is to give the hold back.
    update public.usage_holds as h set event_id = (v_answer ->> 'id')::uuid
    where h.id = v_hold.id and h.organization_id = v_hold.organization_id;
    if v_state = 'open' then
      insert into tally.usage_deltas (organization_id, due_at, released_quotas, released,
        is_beyond_hold)
      values (v_hold.organization_id, now(), v_hold.quota_ids, v_hold.amounts, false);
    end if;
  end if;
  return v_answer;
end;
$$;
comment on function tally.settle_usage(uuid, jsonb, boolean) is 'Behind public.settle_usage.';
revoke execute on function tally.settle_usage(uuid, jsonb, boolean) from public, anon,
  authenticated;
grant execute on function tally.settle_usage(uuid, jsonb, boolean) to authenticated, service_role;

create function public.settle_usage(hold_id uuid, event jsonb, final boolean default true)
returns jsonb
language plpgsql volatile security invoker set search_path = ''
as $$
begin
  return tally.settle_usage(settle_usage.hold_id, settle_usage.event, settle_usage.final);
end;
$$;
comment on function public.settle_usage(uuid, jsonb, boolean) is
  'Records what a held call used, in full, and ends its hold; the answer is that of track_usage. Again: the first answer, as duplicate. Works after expiry and for a hold that a crash took (the event must then name its organization, provider and model). final false: the event is drawn from a hold that goes on; give such events an id. A released hold: PT410.';
revoke execute on function public.settle_usage(uuid, jsonb, boolean) from public, anon,
  authenticated;
grant execute on function public.settle_usage(uuid, jsonb, boolean) to authenticated, service_role;

create function tally.release_hold(hold_id uuid)
returns jsonb
language plpgsql volatile security definer set search_path = ''
  set jit = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_hold public.usage_holds := tally.find_hold(release_hold.hold_id);
begin
  if v_hold.id is null then
    -- A hold that a crash took keeps nothing: it is as good as released.
    return jsonb_build_object('hold_id', release_hold.hold_id, 'state', 'released');
  end if;
  if v_hold.state = 'open' then
    insert into tally.usage_deltas (organization_id, due_at, released_quotas, released,
      is_beyond_hold)
    values (v_hold.organization_id, now(), v_hold.quota_ids, v_hold.amounts, false);
    update public.usage_holds as h
    set state = case when h.expires_at <= now() then 'expired' else 'released' end,
      ended_at = least(h.expires_at, now())
    where h.id = v_hold.id and h.organization_id = v_hold.organization_id
    returning h.* into v_hold;
  end if;
  return jsonb_build_object('hold_id', v_hold.id, 'state', v_hold.state);
end;
$$;
comment on function tally.release_hold(uuid) is 'Behind public.release_hold.';
revoke execute on function tally.release_hold(uuid) from public, anon, authenticated;
grant execute on function tally.release_hold(uuid) to authenticated, service_role;

create function public.release_hold(hold_id uuid)
returns jsonb
language plpgsql volatile security invoker set search_path = ''
as $$
begin
  return tally.release_hold(release_hold.hold_id);
end;
$$;
comment on function public.release_hold(uuid) is
  'Gives a hold back unused: {hold_id, state}. Idempotent; a hold that was settled or has expired stays so.';
revoke execute on function public.release_hold(uuid) from public, anon, authenticated;
grant execute on function public.release_hold(uuid) to authenticated, service_role;

create function tally.read_top_up(hold public.usage_holds, extra jsonb)
returns tally.reserve_request
language plpgsql stable security definer set search_path = ''
as $$
declare
  h public.usage_holds := read_top_up.hold;
  v_request tally.reserve_request;
begin
  v_request := tally.read_request(read_top_up.extra || jsonb_strip_nulls(jsonb_build_object(
    'organization_id', h.organization_id, 'provider', h.provider, 'model', h.model,
    'user_id', h.user_id, 'tool_name', h.tool_name, 'resource_type', h.resource_type)));
  v_request.api_key_id := h.api_key_id;
  return v_request;
end;
$$;
comment on function tally.read_top_up(public.usage_holds, jsonb) is
  'Reads and checks what a hold is to keep more, attributed as the hold is.';
revoke execute on function tally.read_top_up(public.usage_holds, jsonb)
  from public, anon, authenticated;

create function tally.require_open(hold public.usage_holds, hold_id uuid)
returns void
language plpgsql stable security definer set search_path = ''
as $$
declare
  h public.usage_holds := require_open.hold;
begin
  if h.id is null then
    perform tally.fail('PT404', format('There is no hold %s.', require_open.hold_id), 'hold_id',
      'Reserve again.');
  elsif h.state <> 'open' then
    perform tally.fail('PT410', format('This hold is %s.', h.state), format('hold %s', h.id),
      'Reserve again.');
  elsif h.expires_at <= now() then
    perform tally.fail('PT410', 'This hold has expired.',
      format('hold %s, expired at %s', h.id, h.expires_at),
      'Reserve again; settle_usage() still works.');
  end if;
end;
$$;
comment on function tally.require_open(public.usage_holds, uuid) is
  'Raises PT404 unless there is a hold, PT410 unless it is open still.';
revoke execute on function tally.require_open(public.usage_holds, uuid)
  from public, anon, authenticated;

create function tally.extend_hold(hold_id uuid, seconds integer, extra jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = ''
  set jit = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_hold public.usage_holds := tally.find_hold(extend_hold.hold_id);
  v_request tally.reserve_request;
  v_key text;
  v_hash text := md5((extend_hold.extra)::text);
  v_cost numeric;
  v_amounts jsonb := '{}'::jsonb;
  v_blocked_by jsonb;
begin
  perform tally.require_open(v_hold, extend_hold.hold_id);
  if extend_hold.seconds is null or extend_hold.seconds not between 0 and 86400 then
    perform tally.fail('PT400', 'seconds must be from 0 to 86400.', 'seconds');
  end if;
  if extend_hold.extra is not null then
    v_request := tally.read_top_up(v_hold, extend_hold.extra);
    v_key := v_request.idempotency_key;
  end if;
  if v_hold.top_ups ->> v_key <> v_hash then
    perform tally.fail('PT409', 'This idempotency key already names another top-up of the hold.',
      format('hold %s', v_hold.id), 'Send a retry unchanged; give a new top-up a new key.');
  elsif extend_hold.extra is not null and not coalesce(v_hold.top_ups ? v_key, false) then
    v_cost := (tally.request_cost(v_request, now())).cost_usd;
    v_amounts := tally.requested_amounts(v_request, v_cost);
    -- What the extension does not mention needs no more room than the hold has already.
    v_blocked_by := tally.take_room(v_hold.organization_id, v_hold.quota_ids,
      '{"cost_usd": 0, "total_tokens": 0, "input_tokens": 0, "output_tokens": 0, "requests": 0, "units": 0}'
        || v_amounts,
      v_cost is null, true, now());
    if v_blocked_by is not null then
      return jsonb_build_object('allowed', false, 'hold_id', v_hold.id,
        'expires_at', v_hold.expires_at, 'blocked_by', v_blocked_by);
    end if;
  end if;
  update public.usage_holds as h
  set expires_at = greatest(h.expires_at, now() + extend_hold.seconds * interval '1 second'),
    amounts = (
      select jsonb_object_agg(a.key, a.amount)
      from (
        select b.key, sum((b.value)::numeric) as amount
        from (
          select * from jsonb_each(h.amounts)
          union all
          select * from jsonb_each(v_amounts)
        ) as b
        group by b.key
      ) as a),
    top_ups = case when v_key is null then h.top_ups
      else coalesce(h.top_ups, '{}') || jsonb_build_object(v_key, v_hash) end
  where h.id = v_hold.id and h.organization_id = v_hold.organization_id
  returning h.* into v_hold;
  return jsonb_build_object('allowed', true, 'hold_id', v_hold.id, 'expires_at', v_hold.expires_at,
    'blocked_by', null);
end;
$$;
comment on function tally.extend_hold(uuid, integer, jsonb) is 'Behind public.extend_hold.';
revoke execute on function tally.extend_hold(uuid, integer, jsonb) from public, anon, authenticated;
grant execute on function tally.extend_hold(uuid, integer, jsonb) to authenticated, service_role;

create function public.extend_hold(hold_id uuid, seconds integer, extra jsonb default null)
returns jsonb
language plpgsql volatile security invoker set search_path = ''
as $$
begin
  return tally.extend_hold(extend_hold.hold_id, extend_hold.seconds, extend_hold.extra);
end;
$$;
comment on function public.extend_hold(uuid, integer, jsonb) is
  'Lets an open hold last at least `seconds` from now and, with `extra` (estimated_cost, or input_tokens and max_output_tokens, requests, units), keep more: {allowed, hold_id, expires_at, blocked_by}. An idempotency_key in `extra` makes a retry keep no more than the first did. Refused: the hold stays as it was. An ended hold: PT410; a key of another top-up: PT409.';
revoke execute on function public.extend_hold(uuid, integer, jsonb) from public, anon,
  authenticated;
grant execute on function public.extend_hold(uuid, integer, jsonb) to authenticated, service_role;
