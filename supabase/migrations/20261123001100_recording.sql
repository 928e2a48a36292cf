-- Recording: a checked event is written with its key and its effects in one transaction.

create type tally.recorded_event as (
  position bigint,
  id uuid,
  status text,
  cost_usd numeric,
  input_tokens bigint,
  output_tokens bigint,
  total_tokens bigint,
  price_id bigint
);
comment on type tally.recorded_event is 'The answer for one event; status: recorded, duplicate or conflict.';

create function tally.ensure_month(at timestamptz)
returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if to_regclass('tally.token_usage_' || to_char(ensure_month.at at time zone 'UTC', 'YYYY_MM')) is null then
    perform tally.ensure_partitions(ensure_month.at, ensure_month.at);
  end if;
end;
$$;
comment on function tally.ensure_month(timestamptz) is 'Makes the partition of a moment when nothing has made it ahead.';
revoke execute on function tally.ensure_month(timestamptz) from public, anon, authenticated;

create function tally.goes_beyond_hold(
  event tally.event, priced_model text, hold_quotas uuid[], released jsonb)
returns boolean
language plpgsql stable security definer set search_path = '' set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  e tally.event := goes_beyond_hold.event;
begin
  if goes_beyond_hold.hold_quotas is null
    or coalesce(e.cost_usd, 0) > coalesce((goes_beyond_hold.released -> 'cost_usd')::numeric, 0)
    or e.input_tokens + e.output_tokens > coalesce((goes_beyond_hold.released -> 'total_tokens')::numeric, 0)
    or e.input_tokens > coalesce((goes_beyond_hold.released -> 'input_tokens')::numeric, 0)
    or e.output_tokens > coalesce((goes_beyond_hold.released -> 'output_tokens')::numeric, 0)
    or coalesce(e.units, 0) > coalesce((goes_beyond_hold.released -> 'units')::numeric, 0)
    or coalesce((goes_beyond_hold.released -> 'requests')::numeric, 0) < 1 then
    return true;
  end if;
  -- The model that answered, or a quota newer than the hold, may count what the hold did not keep.
  return exists (
    select from public.usage_quotas as q
    where q.organization_id = e.organization_id
      and q.id <> all (goes_beyond_hold.hold_quotas)
      and (q.user_id is null or q.user_id = e.user_id)
      and (q.api_key_id is null or q.api_key_id = e.api_key_id)
      and (q.provider is null or q.provider = e.provider)
      and (q.model is null or q.model in (e.model, goes_beyond_hold.priced_model))
      and (q.tool_name is null or q.tool_name = e.tool_name)
      and (q.resource_type is null or q.resource_type = e.resource_type)
  );
end;
$$;
comment on function tally.goes_beyond_hold(tally.event, text, uuid[], jsonb) is
  'Whether an event uses more of some quota than its hold gives back for it; without a hold always.';
revoke execute on function tally.goes_beyond_hold(tally.event, text, uuid[], jsonb) from public, anon, authenticated;

create function tally.answer_replay(checked tally.checked_event)
returns tally.recorded_event
language plpgsql stable security definer set search_path = '' set enable_seqscan = off set plan_cache_mode = force_generic_plan
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
  where u.organization_id = v_new.organization_id and u.created_at = tally.uuid_time(v_id) and u.id = v_id;
  return (
    null,
    v_id,
    case when
      -- An archived month is gone with its rows: the key still says that it was recorded.
      v_old.id is null
      or (v_old.provider, v_old.model, v_old.input_tokens, v_old.output_tokens, v_old.classes, v_old.units,
          v_old.unit_type, v_old.resource_type, v_old.service_tier, v_old.status, v_old.tool_name, v_old.operation,
          v_old.user_id, v_old.api_key_id, v_old.execution_id, v_old.session_id, v_old.workflow_id,
          v_old.is_estimated, v_old.is_byok, v_old.duration_ms, v_old.idempotency_key, v_old.request_metadata)
        is not distinct from
        (v_new.provider, v_new.model, v_new.input_tokens, v_new.output_tokens, v_new.classes, v_new.units,
          v_new.unit_type, v_new.resource_type, v_new.service_tier, v_new.status, v_new.tool_name, v_new.operation,
          v_new.user_id, v_new.api_key_id, v_new.execution_id, v_new.session_id, v_new.workflow_id,
          v_new.is_estimated, v_new.is_byok, v_new.duration_ms, v_new.idempotency_key, v_new.request_metadata)
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
revoke execute on function tally.answer_replay(tally.checked_event) from public, anon, authenticated;

create function tally.record_event(
  checked tally.checked_event, hold_quotas uuid[] default null, released jsonb default null)
returns tally.recorded_event
language plpgsql volatile security definer set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
  e tally.event := (record_event.checked).event;
begin
  perform tally.ensure_month(e.created_at);
  if (record_event.checked).price_id is null or (record_event.checked).priced_model <> e.model then
    perform tally.remember_model(e.provider, e.model);
  end if;
  if e.idempotency_key is not null then
    insert into tally.idempotency_keys (organization_id, idempotency_key, event_id)
    values (e.organization_id, e.idempotency_key, e.id)
    on conflict do nothing;
    if not found then
      return tally.answer_replay(record_event.checked);
    end if;
  end if;
  insert into public.token_usage (organization_id, id, created_at, input_tokens, output_tokens, price_id,
    user_id, api_key_id, execution_id, duration_ms, is_estimated, is_byok, provider, model, tool_name,
    operation, resource_type, service_tier, status, session_id, workflow_id, idempotency_key, unit_type,
    units, cost_usd, classes, request_metadata)
  values (e.organization_id, e.id, e.created_at, e.input_tokens, e.output_tokens, (record_event.checked).price_id,
    e.user_id, e.api_key_id, e.execution_id, e.duration_ms, e.is_estimated, e.is_byok, e.provider, e.model,
    e.tool_name, e.operation, e.resource_type, e.service_tier, e.status, e.session_id, e.workflow_id,
    e.idempotency_key, e.unit_type, e.units, e.cost_usd, e.classes, e.request_metadata)
  on conflict (organization_id, created_at, id) do nothing;
  if not found then
    return tally.answer_replay(record_event.checked);
  end if;
  insert into tally.usage_deltas (organization_id, due_at, event_ids, event_times, released_quotas, released,
    is_beyond_hold)
  values (e.organization_id, e.created_at, array[e.id], array[e.created_at], record_event.hold_quotas,
    record_event.released, tally.goes_beyond_hold(e, (record_event.checked).priced_model, record_event.hold_quotas,
      record_event.released));
  return (null, e.id, 'recorded', e.cost_usd, e.input_tokens, e.output_tokens,
    e.input_tokens + e.output_tokens, (record_event.checked).price_id)::tally.recorded_event;
end;
$$;
comment on function tally.record_event(tally.checked_event, uuid[], jsonb) is
  'Records a checked event exactly once, with its key and its delta: recorded, duplicate or conflict. With the quotas of a hold: what it gives back.';
revoke execute on function tally.record_event(tally.checked_event, uuid[], jsonb) from public, anon, authenticated;

create function tally.write_events(events tally.checked_event[])
returns setof tally.recorded_event
language plpgsql volatile security definer set search_path = '' set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
  perform tally.ensure_month(m.month)
  from (select distinct date_trunc('month', (e.event).created_at, 'UTC') as month from unnest(write_events.events) as e) as m;
  perform tally.remember_model(m.provider, m.model)
  from (
    select distinct (e.event).provider, (e.event).model
    from unnest(write_events.events) as e
    where e.price_id is null or e.priced_model <> (e.event).model
    order by 1, 2
  ) as m;

  -- One statement: the key, the event and its effect on quotas land together or not at all.
  return query
  with priced as materialized (
    select e.position, (e.event).*, e.price_id, e.priced_model
    from unnest(write_events.events) with ordinality
      as e (event, price_id, priced_model, states_id, states_time, states_cost, problem, position)
  ),
  claimed as (
    insert into tally.idempotency_keys as k (organization_id, idempotency_key, event_id)
    select p.organization_id, p.idempotency_key, p.id
    from priced as p
    where p.idempotency_key is not null
    order by p.organization_id, p.idempotency_key, p.position
    on conflict do nothing
    returning k.organization_id, k.idempotency_key, k.event_id
  ),
  fresh as (
    select distinct on (p.organization_id, p.created_at, p.id) p.*
    from priced as p
    left join claimed as k
      on k.organization_id = p.organization_id and k.idempotency_key = p.idempotency_key and k.event_id = p.id
    where p.idempotency_key is null or k.event_id is not null
    order by p.organization_id, p.created_at, p.id, p.position
  ),
  written as (
    insert into public.token_usage as u (organization_id, id, created_at, input_tokens, output_tokens, price_id,
      user_id, api_key_id, execution_id, duration_ms, is_estimated, is_byok, provider, model, tool_name,
      operation, resource_type, service_tier, status, session_id, workflow_id, idempotency_key, unit_type,
      units, cost_usd, classes, request_metadata)
    select f.organization_id, f.id, f.created_at, f.input_tokens, f.output_tokens, f.price_id,
      f.user_id, f.api_key_id, f.execution_id, f.duration_ms, f.is_estimated, f.is_byok, f.provider, f.model,
      f.tool_name, f.operation, f.resource_type, f.service_tier, f.status, f.session_id, f.workflow_id,
      f.idempotency_key, f.unit_type, f.units, f.cost_usd, f.classes, f.request_metadata
    from fresh as f
    on conflict (organization_id, created_at, id) do nothing
    returning u.organization_id, u.created_at, u.id
  ),
  counted as (
    insert into tally.usage_deltas (organization_id, due_at, event_ids, event_times, is_beyond_hold)
    select w.organization_id, max(w.created_at), array_agg(w.id), array_agg(w.created_at), true
    from written as w
    group by w.organization_id
    returning seq
  )
  select p.position, p.id, case when f.position is not null and w.id is not null then 'recorded' else 'replay' end,
    p.cost_usd, p.input_tokens, p.output_tokens, p.input_tokens + p.output_tokens, p.price_id
  from priced as p
  left join fresh as f on f.position = p.position
  left join written as w on w.organization_id = p.organization_id and w.id = p.id
  order by p.position;
end;
$$;
comment on function tally.write_events(tally.checked_event[]) is
  'Writes checked events with their keys and their deltas, in one statement; what was there already comes back as replay.';
revoke execute on function tally.write_events(tally.checked_event[]) from public, anon, authenticated;

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
comment on function tally.require_no_problem(tally.checked_event) is 'Raises what is wrong with an event.';
revoke execute on function tally.require_no_problem(tally.checked_event) from public, anon, authenticated;

create function tally.require_agreement(answer tally.recorded_event)
returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
begin
  if (require_agreement.answer).status = 'conflict' then
    perform tally.fail('PT409', 'This id or idempotency_key already names another event.',
      format('event %s', (require_agreement.answer).id),
      'Send a retry unchanged; give a new event a new id and key.');
  end if;
  return to_jsonb(require_agreement.answer) - 'position';
end;
$$;
comment on function tally.require_agreement(tally.recorded_event) is 'The answer as JSON; raises PT409 for a conflict.';
revoke execute on function tally.require_agreement(tally.recorded_event) from public, anon, authenticated;

create function tally.track_usage(event jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = '' set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_event tally.checked_event;
begin
  v_event := tally.check_event(track_usage.event, now());
  perform tally.require_no_problem(v_event);
  perform tally.require_recorder((v_event.event).organization_id);
  return tally.require_agreement(tally.record_event(v_event));
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

create function tally.track_usage_batch(events jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = '' set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_checked tally.checked_event[];
  v_good tally.checked_event[];
  v_places integer[];
  v_refusals jsonb := '{}'::jsonb;
  v_rejected jsonb;
  v_organization uuid;
  v_recorded integer := 0;
  v_duplicates integer := 0;
  v_answer tally.recorded_event;
begin
  if jsonb_typeof(track_usage_batch.events) is distinct from 'array' then
    perform tally.fail('PT400', 'events must be a JSON array.', 'events', 'For one event there is track_usage().');
  elsif jsonb_array_length(track_usage_batch.events) > 10000 then
    perform tally.fail('PT400', 'A batch may hold at most 10000 events.', 'events', 'Send batches of 500.');
  end if;
  v_checked := array(
    select tally.check_event(e.raw, now())
    from jsonb_array_elements(track_usage_batch.events) with ordinality as e (raw, place)
    order by e.place
  );
  for v_organization in
    select distinct (c.event).organization_id from unnest(v_checked) as c where c.problem is null
  loop
    begin
      perform tally.require_recorder(v_organization);
    exception when sqlstate 'PT403' or sqlstate 'PT404' then
      v_refusals := v_refusals || jsonb_build_object(v_organization::text,
        jsonb_build_object('code', sqlstate, 'field', 'organization_id', 'message', sqlerrm));
    end;
  end loop;
  select
    array_agg((c.event, c.price_id, c.priced_model, c.states_id, c.states_time, c.states_cost, null)::tally.checked_event
      order by c.place) filter (where c.refusal is null),
    array_agg(c.place order by c.place) filter (where c.refusal is null),
    coalesce(jsonb_agg(jsonb_build_object('index', c.place - 1) || c.refusal order by c.place)
      filter (where c.refusal is not null), '[]')
  into v_good, v_places, v_rejected
  from (
    select u.*, coalesce(u.problem, v_refusals -> ((u.event).organization_id::text)) as refusal
    from unnest(v_checked) with ordinality
      as u (event, price_id, priced_model, states_id, states_time, states_cost, problem, place)
  ) as c;
  for v_answer in select w.* from tally.write_events(v_good) as w loop
    if v_answer.status = 'recorded' then
      v_recorded := v_recorded + 1;
    elsif (tally.answer_replay(v_good[v_answer.position])).status = 'duplicate' then
      -- Asked in a statement of its own, which sees what a concurrent first writer has committed.
      v_duplicates := v_duplicates + 1;
    else
      -- A key that was claimed for an id which turned out to be taken goes back.
      delete from tally.idempotency_keys as k
      using public.token_usage as u
      where k.organization_id = ((v_good[v_answer.position]).event).organization_id
        and k.idempotency_key = ((v_good[v_answer.position]).event).idempotency_key
        and u.organization_id = k.organization_id and u.created_at = tally.uuid_time(k.event_id) and u.id = k.event_id
        and u.idempotency_key is distinct from k.idempotency_key;
      v_rejected := v_rejected || jsonb_build_object('index', v_places[v_answer.position] - 1, 'code', 'PT409',
        'field', 'id', 'message', 'This id or idempotency_key already names another event.');
    end if;
  end loop;
  return jsonb_build_object('recorded', v_recorded, 'duplicates', v_duplicates, 'rejected', v_rejected);
end;
$$;
comment on function tally.track_usage_batch(jsonb) is 'Behind public.track_usage_batch.';
revoke execute on function tally.track_usage_batch(jsonb) from public, anon, authenticated;
grant execute on function tally.track_usage_batch(jsonb) to authenticated, service_role;

create function public.track_usage_batch(events jsonb)
returns jsonb
language plpgsql volatile security invoker set search_path = ''
as $$
begin
  return tally.track_usage_batch(track_usage_batch.events);
end;
$$;
comment on function public.track_usage_batch(jsonb) is
  'Records an array of events: {recorded, duplicates, rejected: [{index, code, field, message}]}. Good ones land, bad ones are named by their index from 0. At most 10000; 500 is best.';
revoke execute on function public.track_usage_batch(jsonb) from public, anon, authenticated;
grant execute on function public.track_usage_batch(jsonb) to authenticated, service_role;
