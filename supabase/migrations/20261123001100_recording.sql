-- Recording: an event is read, checked, priced and written with its effects in one transaction.

create type tally.event as (
  organization_id uuid,
  id uuid,
  created_at timestamptz,
  provider text,
  model text,
  tool_name text,
  operation text,
  resource_type text,
  service_tier text,
  status text,
  user_id uuid,
  api_key_id uuid,
  execution_id uuid,
  session_id text,
  workflow_id text,
  input_tokens bigint,
  output_tokens bigint,
  classes jsonb,
  units numeric,
  unit_type text,
  cost_usd numeric,
  duration_ms integer,
  is_estimated boolean,
  is_byok boolean,
  idempotency_key text,
  request_metadata jsonb
);
comment on type tally.event is 'What a caller may say of an event: the keys of its JSON.';

create type tally.checked_event as (
  event tally.event,
  price_id bigint,
  priced_model text,
  states_id boolean,
  states_time boolean,
  states_cost boolean,
  problem jsonb
);
comment on type tally.checked_event is
  'An event made whole and priced. states_…: what the caller said himself. problem: {code, field, message} when it cannot be recorded.';

create function tally.blame_event(event jsonb, error text)
returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_key text;
  v_type text;
begin
  if jsonb_typeof(blame_event.event) is distinct from 'object' then
    return jsonb_build_object('code', 'PT400', 'field', null, 'message', 'An event must be a JSON object.');
  end if;
  for v_key in select jsonb_object_keys(blame_event.event) loop
    begin
      perform jsonb_populate_record(null::tally.event, jsonb_build_object(v_key, blame_event.event -> v_key));
    exception when others then
      select case format_type(a.atttypid, a.atttypmod)
        when 'bigint' then 'a whole number'
        when 'integer' then 'a whole number'
        when 'numeric' then 'a number'
        when 'uuid' then 'a uuid'
        when 'boolean' then 'true or false'
        when 'timestamp with time zone' then 'a time such as 2026-11-23T09:30:00Z'
        else format_type(a.atttypid, a.atttypmod)
      end into v_type
      from pg_catalog.pg_attribute as a
      where a.attrelid = 'tally.event'::regclass and a.attname = v_key;
      return jsonb_build_object('code', 'PT400', 'field', v_key,
        'message', format('%s must be %s, not %s.', v_key, v_type, left((blame_event.event -> v_key)::text, 80)));
    end;
  end loop;
  return jsonb_build_object('code', 'PT400', 'field', null, 'message', blame_event.error);
end;
$$;
comment on function tally.blame_event(jsonb, text) is 'Names the field of an event whose value has the wrong type.';
revoke execute on function tally.blame_event(jsonb, text) from public, anon, authenticated;

create function tally.find_problem(event tally.event, raw jsonb, at timestamptz)
returns text[]
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
  e tally.event := find_problem.event;
  v_unknown jsonb := find_problem.raw - '{organization_id,id,created_at,provider,model,tool_name,operation,resource_type,service_tier,status,user_id,api_key_id,execution_id,session_id,workflow_id,input_tokens,output_tokens,classes,units,unit_type,cost_usd,duration_ms,is_estimated,is_byok,idempotency_key,request_metadata}'::text[];
  v_limits tally.settings;
  v_field text;
begin
  select r.key into v_field
  from jsonb_each(find_problem.raw) as r
  where jsonb_typeof(r.value) in ('object', 'array') and r.key not in ('classes', 'request_metadata')
  order by r.key
  limit 1;
  if v_unknown <> '{}' then
    return array[(select min(k) from jsonb_object_keys(v_unknown) as k), 'is not a field of an event.'];
  elsif v_field is not null then
    return array[v_field, 'must not be an object or a list.'];
  elsif e.organization_id is null then
    return array['organization_id', 'is missing.'];
  elsif e.provider is null or btrim(e.provider) = '' then
    return array['provider', 'is missing.'];
  elsif e.model is null or btrim(e.model) = '' then
    return array['model', 'is missing.'];
  elsif e.input_tokens not between 0 and 1000000000000 then
    return array['input_tokens', 'must be from 0 to 1e12.'];
  elsif e.output_tokens not between 0 and 1000000000000 then
    return array['output_tokens', 'must be from 0 to 1e12.'];
  elsif jsonb_typeof(e.classes) <> 'object' then
    return array['classes', 'must be an object of class and quantity.'];
  elsif (e.units is null) <> (e.unit_type is null) then
    return array['units', 'and unit_type belong together.'];
  elsif not e.units between 0 and 1e15 then
    return array['units', 'must be a number from 0 to 1e15.'];
  elsif e.input_tokens is null and e.output_tokens is null and e.classes is null and e.units is null
    and e.cost_usd is null and coalesce(e.status, 'success') = 'success' then
    return array['input_tokens', 'is missing: an event must say what was used (tokens, classes or units; 0 is an answer).'];
  elsif not e.cost_usd between 0 and 1e9 then
    return array['cost_usd', 'must be a number from 0 to 1e9.'];
  elsif e.status not in ('success', 'failed', 'timeout', 'aborted') then
    return array['status', 'must be success, failed, timeout or aborted.'];
  elsif e.duration_ms < 0 then
    return array['duration_ms', 'must be zero or more.'];
  elsif length(e.idempotency_key) not between 1 and 255 then
    return array['idempotency_key', 'must have 1 to 255 characters.'];
  elsif greatest(length(e.provider), length(e.model), length(e.tool_name), length(e.operation),
    length(e.resource_type), length(e.service_tier), length(e.session_id), length(e.workflow_id)) > 256 then
    select min(r.key) into v_field
    from jsonb_each_text(find_problem.raw - '{request_metadata,classes,idempotency_key}'::text[]) as r
    where length(r.value) > 256;
    return array[v_field, 'may have at most 256 characters.'];
  elsif e.request_metadata is not null
    and (jsonb_typeof(e.request_metadata) <> 'object' or octet_length(e.request_metadata::text) > 16384) then
    return array['request_metadata', 'must be an object of at most 16 KB.'];
  end if;
  if e.id is not null then
    if substr(e.id::text, 15, 1) <> '7' then
      return array['id', 'must be a uuid of version 7: the time of the event is inside it.'];
    elsif e.created_at is not null and tally.uuid_time(e.id) <> date_trunc('milliseconds', e.created_at) then
      return array['created_at', 'is not the time inside id; they must agree to the millisecond.'];
    end if;
    e.created_at := tally.uuid_time(e.id);
  end if;
  if e.created_at is not null then
    select * into v_limits from tally.settings;
    if e.created_at < find_problem.at - v_limits.event_late_limit then
      return array['created_at', format('is more than %s ago; the operator can load older usage in bulk.', v_limits.event_late_limit)];
    elsif e.created_at > find_problem.at + v_limits.event_early_limit then
      return array['created_at', format('is more than %s ahead; check the clock of the sender.', v_limits.event_early_limit)];
    end if;
  end if;
  if (e.cost_usd is not null or e.api_key_id is not null or e.user_id is distinct from auth.uid() and e.user_id is not null)
    and not tally.is_operator() then
    if e.cost_usd is not null then
      return array['cost_usd', 'is computed here; only the operator may state it.'];
    elsif e.api_key_id is not null then
      return array['api_key_id', 'is set by the server that checked the key.'];
    end if;
    return array['user_id', 'must be your own.'];
  end if;
  return null;
end;
$$;
comment on function tally.find_problem(tally.event, jsonb, timestamptz) is
  'The first rule that an event breaks, as [field, complaint]; null when it is fine. Rules about classes are in tally.complete_quantities.';
revoke execute on function tally.find_problem(tally.event, jsonb, timestamptz) from public, anon, authenticated;

create type tally.completed_event as (event tally.event, problem text[]);
comment on type tally.completed_event is 'An event whose quantities agree, or what is wrong with them as [field, complaint].';

create function tally.complete_quantities(event tally.event)
returns tally.completed_event
language plpgsql stable security definer set search_path = '' set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  e tally.event := complete_quantities.event;
  v_class text;
  v_kind text;
  v_value jsonb;
  v_input numeric := 0;
  v_output numeric := 0;
  v_given jsonb := coalesce((complete_quantities.event).classes, '{}');
  v_unit text;
begin
  for v_class, v_value, v_kind in
    select q.key, q.value, (select c.kind from tally.usage_classes as c where c.class = q.key)
    from jsonb_each(v_given) as q
  loop
    if v_kind is null then
      return (e, array['classes.' || v_class, 'is not a class of tally.usage_classes.'])::tally.completed_event;
    elsif jsonb_typeof(v_value) <> 'number' or not v_value::numeric between 0 and 1e12
      or v_kind <> 'unit' and v_value::numeric % 1 <> 0 then
      return (e, array['classes.' || v_class, format('must be a %s from 0 to 1e12, not %s.',
        case when v_kind = 'unit' then 'number' else 'whole number' end, left(v_value::text, 80))])::tally.completed_event;
    elsif v_kind = 'input' then
      v_input := v_input + v_value::numeric;
    elsif v_kind = 'output' then
      v_output := v_output + v_value::numeric;
    end if;
  end loop;

  -- Tokens that no class names are plain text tokens, unless the caller counted those himself.
  if e.input_tokens is null then
    e.input_tokens := v_input;
  elsif e.input_tokens < v_input or e.input_tokens > v_input and v_given ? 'input' then
    return (e, array['classes', format('add up to %s input tokens, but input_tokens is %s.', v_input, e.input_tokens)])::tally.completed_event;
  elsif e.input_tokens > v_input then
    v_given := v_given || jsonb_build_object('input', e.input_tokens - v_input);
  end if;
  if e.output_tokens is null then
    e.output_tokens := v_output;
  elsif e.output_tokens < v_output or e.output_tokens > v_output and v_given ? 'output' then
    return (e, array['classes', format('add up to %s output tokens, but output_tokens is %s.', v_output, e.output_tokens)])::tally.completed_event;
  elsif e.output_tokens > v_output then
    v_given := v_given || jsonb_build_object('output', e.output_tokens - v_output);
  end if;

  if e.units is not null then
    select c.class into v_unit
    from tally.usage_classes as c
    where c.kind = 'unit' and lower(e.unit_type) in (c.class, c.plural);
    if v_unit is null then
      return (e, array['unit_type', 'is not a unit of tally.usage_classes.'])::tally.completed_event;
    elsif (v_given -> v_unit)::numeric <> e.units then
      return (e, array['units', 'says something else than classes.'])::tally.completed_event;
    end if;
    e.unit_type := v_unit;
    v_given := v_given || jsonb_build_object(v_unit, e.units);
  end if;
  e.classes := v_given;
  return (e, null)::tally.completed_event;
end;
$$;
comment on function tally.complete_quantities(tally.event) is
  'Makes totals and classes of an event agree: every token in exactly one class, units by their singular name.';
revoke execute on function tally.complete_quantities(tally.event) from public, anon, authenticated;

create function tally.check_event(raw jsonb, at timestamptz)
returns tally.checked_event
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
  v_event tally.event;
  v_checked tally.checked_event;
  v_completed tally.completed_event;
  v_problem text[];
  v_cost numeric;
begin
  begin
    v_event := jsonb_populate_record(null::tally.event, check_event.raw);
  exception when data_exception or invalid_parameter_value or datatype_mismatch then
    v_checked.problem := tally.blame_event(check_event.raw, sqlerrm);
    return v_checked;
  end;
  v_problem := tally.find_problem(v_event, check_event.raw, check_event.at);
  if v_problem is null then
    v_completed := tally.complete_quantities(v_event);
    v_event := v_completed.event;
    v_problem := v_completed.problem;
  end if;
  if v_problem is not null then
    v_checked.event := v_event;
    v_checked.problem := jsonb_build_object(
      'code', 'PT400', 'field', v_problem[1], 'message', v_problem[1] || ' ' || v_problem[2]);
    return v_checked;
  end if;

  v_checked.states_id := v_event.id is not null;
  v_checked.states_time := v_event.created_at is not null or v_event.id is not null;
  v_checked.states_cost := v_event.cost_usd is not null;
  v_event.created_at := date_trunc('milliseconds', coalesce(
    v_event.created_at, case when v_event.id is not null then tally.uuid_time(v_event.id) end, check_event.at));
  v_event.id := coalesce(v_event.id, tally.uuid_v7(v_event.created_at));
  v_event.resource_type := coalesce(v_event.resource_type, 'token');
  v_event.service_tier := coalesce(v_event.service_tier, 'standard');
  v_event.status := coalesce(v_event.status, 'success');
  v_event.is_estimated := coalesce(v_event.is_estimated, false);
  v_event.is_byok := coalesce(v_event.is_byok, false);
  v_event.user_id := coalesce(v_event.user_id, auth.uid());

  select p.cost_usd, p.price_id, p.priced_model into v_cost, v_checked.price_id, v_checked.priced_model
  from tally.price_call(v_event.organization_id, v_event.provider, v_event.model, v_event.service_tier,
    v_event.classes, v_event.input_tokens, v_event.created_at) as p;
  if v_checked.states_cost then
    v_checked.price_id := null;
  else
    v_event.cost_usd := v_cost;
  end if;
  v_checked.event := v_event;
  return v_checked;
end;
$$;
comment on function tally.check_event(jsonb, timestamptz) is
  'Reads one event: checked, made whole, priced by the card of its own moment. Says what is wrong instead of raising it.';
revoke execute on function tally.check_event(jsonb, timestamptz) from public, anon, authenticated;

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
  insert into tally.usage_deltas (organization_id, created_at, user_id, api_key_id, provider, model,
    priced_model, tool_name, resource_type, cost_usd, input_tokens, output_tokens, requests, units,
    released_quotas, released, is_beyond_hold)
  values (e.organization_id, e.created_at, e.user_id, e.api_key_id, e.provider, e.model,
    (record_event.checked).priced_model, e.tool_name, e.resource_type, coalesce(e.cost_usd, 0), e.input_tokens,
    e.output_tokens, 1, coalesce(e.units, 0), record_event.hold_quotas, record_event.released,
    tally.goes_beyond_hold(e, (record_event.checked).priced_model, record_event.hold_quotas, record_event.released));
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
    returning u.organization_id, u.id
  ),
  counted as (
    insert into tally.usage_deltas (organization_id, created_at, user_id, api_key_id, provider, model,
      priced_model, tool_name, resource_type, cost_usd, input_tokens, output_tokens, requests, units,
      is_beyond_hold)
    select f.organization_id, f.created_at, f.user_id, f.api_key_id, f.provider, f.model, f.priced_model,
      f.tool_name, f.resource_type, coalesce(f.cost_usd, 0), f.input_tokens, f.output_tokens, 1,
      coalesce(f.units, 0), true
    from written as w
    join fresh as f on f.organization_id = w.organization_id and f.id = w.id
    order by f.organization_id, f.created_at
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
language plpgsql volatile security definer set search_path = '' set plan_cache_mode = force_generic_plan
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
language plpgsql volatile security definer set search_path = '' set plan_cache_mode = force_generic_plan
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
