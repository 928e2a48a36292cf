-- Recording: a checked event is written with its key and its effects in one transaction.

create type tally.recorded_event as (
  id uuid,
  status text,
  cost_usd numeric,
  input_tokens bigint,
  output_tokens bigint,
  total_tokens bigint,
  price_id bigint
);
comment on type tally.recorded_event is
  'The answer for one event; status: recorded, duplicate or conflict.';

create function tally.archive_problem(at timestamptz)
returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
begin
  return jsonb_build_object('code', 'PT400', 'field', 'created_at', 'message', format(
    'created_at is in %s, whose events were archived; bring them back first.',
    to_char(archive_problem.at at time zone 'UTC', 'YYYY-MM')));
end;
$$;
comment on function tally.archive_problem(timestamptz) is
  'The problem of an event whose month was archived.';
revoke execute on function tally.archive_problem(timestamptz) from public, anon, authenticated;

create function tally.ensure_month(at timestamptz)
returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if to_regclass('tally.token_usage_' || to_char(ensure_month.at at time zone 'UTC', 'YYYY_MM'))
    is null then
    perform tally.ensure_partitions(ensure_month.at, ensure_month.at);
  end if;
  return tally.has_month(ensure_month.at);
end;
$$;
comment on function tally.ensure_month(timestamptz) is
  'Makes the partition of a moment when nothing has made it ahead; false when its month was archived.';
revoke execute on function tally.ensure_month(timestamptz) from public, anon, authenticated;

create function tally.answer_replay(checked tally.checked_event)
returns tally.recorded_event
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_new tally.event := (answer_replay.checked).event;
  v_id uuid := v_new.id;
  v_old public.token_usage;
begin
  if v_new.idempotency_key is not null then
    select k.event_id into v_id from tally.idempotency_keys as k
    where k.organization_id = v_new.organization_id and k.idempotency_key = v_new.idempotency_key;
  end if;
  select u.* into v_old
  from public.token_usage as u
  where u.organization_id = v_new.organization_id and u.created_at = tally.uuid_time(v_id)
    and u.id = v_id;
  return (
    v_id,
    case when
      -- An archived month is gone with its rows: the key still says that it was recorded.
      v_old.id is null
      or (v_old.provider, v_old.model, v_old.input_tokens, v_old.output_tokens, v_old.classes,
          v_old.units, v_old.unit_type, v_old.resource_type, v_old.service_tier, v_old.status,
          v_old.tool_name, v_old.operation, v_old.user_id, v_old.api_key_id, v_old.execution_id,
          v_old.session_id, v_old.workflow_id, v_old.is_estimated, v_old.is_byok, v_old.duration_ms,
          v_old.idempotency_key, v_old.request_metadata)
        is not distinct from
        (v_new.provider, v_new.model, v_new.input_tokens, v_new.output_tokens, v_new.classes,
          v_new.units, v_new.unit_type, v_new.resource_type, v_new.service_tier, v_new.status,
          v_new.tool_name, v_new.operation, v_new.user_id, v_new.api_key_id, v_new.execution_id,
          v_new.session_id, v_new.workflow_id, v_new.is_estimated, v_new.is_byok, v_new.duration_ms,
          v_new.idempotency_key, v_new.request_metadata)
        and (not (answer_replay.checked).states_id or v_old.id = v_new.id)
        and (not (answer_replay.checked).states_time or v_old.created_at = v_new.created_at)
        and (not (answer_replay.checked).states_cost or v_old.cost_usd = v_new.cost_usd)
      then 'duplicate'
      else 'conflict'
    end,
    v_old.cost_usd, v_old.input_tokens, v_old.output_tokens, v_old.total_tokens, v_old.price_id
  )::tally.recorded_event;
end;
$$;
comment on function tally.answer_replay(tally.checked_event) is
  'The first answer for an event that was recorded before: duplicate when it says the same, conflict when it says something else.';
revoke execute on function tally.answer_replay(tally.checked_event) from public, anon,
  authenticated;

create function tally.is_beyond_hold(
  event tally.event, priced_model text, hold_quotas uuid[], released jsonb)
returns boolean
language plpgsql stable security definer set search_path = ''
as $$
declare
  e alias for event;
begin
  return exists (
    select from public.usage_quotas as q
    where q.organization_id = e.organization_id
      and (q.user_id is null or q.user_id = e.user_id)
      and (q.api_key_id is null or q.api_key_id = e.api_key_id)
      and (q.provider is null or q.provider = e.provider)
      and (q.model is null or q.model in (e.model, is_beyond_hold.priced_model))
      and (q.tool_name is null or q.tool_name = e.tool_name)
      and (q.resource_type is null or q.resource_type = e.resource_type)
      and not (q.is_credit and e.is_byok)
      and (q.id <> all (is_beyond_hold.hold_quotas) or case q.metric
        when 'cost_usd' then coalesce(e.cost_usd, 0)
        when 'total_tokens' then e.input_tokens + e.output_tokens
        when 'input_tokens' then e.input_tokens
        when 'output_tokens' then e.output_tokens
        when 'requests' then 1
        when 'units' then coalesce(e.units, 0)
      end > coalesce((is_beyond_hold.released -> q.metric)::numeric, 0))
  );
end;
$$;
comment on function tally.is_beyond_hold(tally.event, text, uuid[], jsonb) is
  'Whether an event counts for more than its hold gives back in some quota, or counts in one that the hold knows nothing of: the model that answered, or a quota newer than the hold, may bring one.';
revoke execute on function tally.is_beyond_hold(tally.event, text, uuid[], jsonb)
  from public, anon, authenticated;

create function tally.require_agreement(answer tally.recorded_event)
returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  a alias for answer;
begin
  if a.status = 'conflict' then
    perform tally.fail('PT409', 'This id or idempotency_key already names another event.',
      format('event %s', a.id), 'Send a retry unchanged; give a new event a new id and key.');
  end if;
  return to_jsonb(a);
end;
$$;
comment on function tally.require_agreement(tally.recorded_event) is
  'The answer as JSON; raises PT409 for a conflict.';
revoke execute on function tally.require_agreement(tally.recorded_event)
  from public, anon, authenticated;

create function tally.record_event(
  checked tally.checked_event, hold_quotas uuid[] default null, released jsonb default null)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  e tally.event := (record_event.checked).event;
  v_price_id bigint := (record_event.checked).price_id;
  v_priced_model text := (record_event.checked).priced_model;
begin
  if v_price_id is null or v_priced_model <> e.model then
    perform tally.remember_model(e.provider, e.model);
  end if;
  if e.idempotency_key is not null then
    insert into tally.idempotency_keys (organization_id, idempotency_key, event_id)
    values (e.organization_id, e.idempotency_key, e.id)
    on conflict do nothing;
    if not found then
      return tally.require_agreement(tally.answer_replay(record_event.checked));
    end if;
  end if;
  if to_regclass('tally.token_usage_' || to_char(e.created_at at time zone 'UTC', 'YYYY_MM'))
    is null and not tally.ensure_month(e.created_at) then
    perform tally.require_no_problem((null, null, null, null, null, null,
      tally.archive_problem(e.created_at))::tally.checked_event);
  end if;
  insert into public.token_usage (organization_id, id, created_at, input_tokens, output_tokens,
    price_id, user_id, api_key_id, execution_id, duration_ms, is_estimated, is_byok, provider,
    model, tool_name, operation, resource_type, service_tier, status, session_id, workflow_id,
    idempotency_key, unit_type, units, cost_usd, classes, request_metadata)
  values (e.organization_id, e.id, e.created_at, e.input_tokens, e.output_tokens, v_price_id,
    e.user_id, e.api_key_id, e.execution_id, e.duration_ms, e.is_estimated, e.is_byok, e.provider,
    e.model, e.tool_name, e.operation, e.resource_type, e.service_tier, e.status, e.session_id,
    e.workflow_id, e.idempotency_key, e.unit_type, e.units, e.cost_usd, e.classes,
    e.request_metadata)
  on conflict (organization_id, created_at, id) do nothing;
  if not found then
    return tally.require_agreement(tally.answer_replay(record_event.checked));
  end if;
  insert into tally.usage_deltas (organization_id, due_at, event_ids, event_times, released_quotas,
    released, is_beyond_hold)
  values (e.organization_id, e.created_at, array[e.id], array[e.created_at],
    record_event.hold_quotas, record_event.released,
    record_event.hold_quotas is null or tally.is_beyond_hold(
      e, v_priced_model, record_event.hold_quotas, record_event.released));
  return jsonb_build_object('id', e.id, 'status', 'recorded', 'cost_usd', e.cost_usd,
    'input_tokens', e.input_tokens, 'output_tokens', e.output_tokens,
    'total_tokens', e.input_tokens + e.output_tokens, 'price_id', v_price_id);
end;
$$;
comment on function tally.record_event(tally.checked_event, uuid[], jsonb) is
  'Records a checked event exactly once, with its key and its delta, and answers what tally.recorded_event holds; raises PT409 for a conflict. With the quotas of a hold: what it gives back.';
revoke execute on function tally.record_event(tally.checked_event, uuid[], jsonb)
  from public, anon, authenticated;

create function tally.require_no_problem(checked tally.checked_event)
returns void
language plpgsql stable security definer set search_path = ''
as $$
begin
  if (require_no_problem.checked).problem is not null then
    perform tally.fail(
      (require_no_problem.checked).problem ->> 'code',
      (require_no_problem.checked).problem ->> 'message',
      (require_no_problem.checked).problem ->> 'field',
      'Mend that field and send the event again with the same id; nothing was recorded.');
  end if;
end;
$$;
comment on function tally.require_no_problem(tally.checked_event) is
  'Raises what is wrong with an event.';
revoke execute on function tally.require_no_problem(tally.checked_event)
  from public, anon, authenticated;

create function tally.track_usage(event jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = ''
  set jit = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_event tally.checked_event := tally.check_event(track_usage.event, now());
begin
  if v_event.problem is not null then
    perform tally.require_no_problem(v_event);
  elsif not tally.may_record((v_event.event).organization_id) then
    perform tally.require_recorder((v_event.event).organization_id);
  end if;
  return tally.record_event(v_event);
end;
$$;
comment on function tally.track_usage(jsonb) is 'Behind public.track_usage.';
revoke execute on function tally.track_usage(jsonb) from public, anon, authenticated;
grant execute on function tally.track_usage(jsonb) to authenticated, service_role;

create function public.track_usage(event jsonb)
returns jsonb
language plpgsql volatile security invoker set search_path = ''
as $$
begin
  return tally.track_usage(track_usage.event);
end;
$$;
comment on function public.track_usage(jsonb) is
  'Records one event and prices it: {id, status, cost_usd, input_tokens, output_tokens, total_tokens, price_id}. status is duplicate for a retry; cost_usd is null when no price is known. Keys: the columns of token_usage; organization_id, provider, model and a quantity are required. Errors: PT400, PT403, PT404, PT409.';
revoke execute on function public.track_usage(jsonb) from public, anon, authenticated;
grant execute on function public.track_usage(jsonb) to authenticated, service_role;
