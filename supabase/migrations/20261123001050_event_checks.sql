-- What an event says: read from JSON, checked, made whole, priced. Nothing is written here.

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
    return jsonb_build_object('code', 'PT400', 'field', null,
      'message', 'An event must be a JSON object.');
  end if;
  for v_key in select jsonb_object_keys(blame_event.event) loop
    begin
      perform jsonb_populate_record(null::tally.event,
        jsonb_build_object(v_key, blame_event.event -> v_key));
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
      return jsonb_build_object('code', 'PT400', 'field', v_key, 'message', format(
        '%s must be %s, not %s.', v_key, v_type, left((blame_event.event -> v_key)::text, 80)));
    end;
  end loop;
  return jsonb_build_object('code', 'PT400', 'field', null, 'message', blame_event.error);
end;
$$;
comment on function tally.blame_event(jsonb, text) is
  'Names the field of an event whose value has the wrong type.';
revoke execute on function tally.blame_event(jsonb, text) from public, anon, authenticated;

create function tally.earliest_time(at timestamptz, late_limit interval)
returns timestamptz
language plpgsql stable security invoker set search_path = ''
as $$
begin
  -- No report spans what is earlier, and no id can hold what is before 1970.
  return greatest(earliest_time.at - earliest_time.late_limit,
    timestamptz '2000-01-01 00:00:00+00');
end;
$$;
comment on function tally.earliest_time(timestamptz, interval) is
  'The earliest moment of which an event may be: a limit ago, and never before the year 2000.';
revoke execute on function tally.earliest_time(timestamptz, interval)
  from public, anon, authenticated;

create function tally.find_time_problem(
  id uuid, created_at timestamptz, at timestamptz, late_limit interval)
returns text[]
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_limits tally.settings;
  v_at timestamptz := find_time_problem.created_at;
begin
  if find_time_problem.id is not null then
    if substr(find_time_problem.id::text, 15, 1) <> '7' then
      return array['id', 'must be a uuid of version 7: the time of the event is inside it.'];
    end if;
    v_at := tally.uuid_time(find_time_problem.id);
    if v_at <> date_trunc('milliseconds', find_time_problem.created_at) then
      return array['created_at', 'is not the time inside id; they must agree to the millisecond.'];
    end if;
  end if;
  select s.* into v_limits from tally.settings as s;
  v_limits.event_late_limit := coalesce(find_time_problem.late_limit, v_limits.event_late_limit);
  if v_at < tally.earliest_time(find_time_problem.at, v_limits.event_late_limit) then
    return array['created_at', case
      when v_at >= find_time_problem.at - v_limits.event_late_limit
        then 'is before the year 2000.'
      else format(
        'is more than %s ago; the operator can load older usage with import_usage().',
        v_limits.event_late_limit)
    end];
  elsif v_at > find_time_problem.at + v_limits.event_early_limit then
    return array['created_at', format(
      'is more than %s ahead; check the clock of the sender.', v_limits.event_early_limit)];
  end if;
  return null;
end;
$$;
comment on function tally.find_time_problem(uuid, timestamptz, timestamptz, interval) is
  'What is wrong with the id and the time that an event states, as [field, complaint]; null when they are fine.';
revoke execute on function tally.find_time_problem(uuid, timestamptz, timestamptz, interval)
  from public, anon, authenticated;

create function tally.find_problem(event tally.event, raw jsonb)
returns text[]
language plpgsql stable security definer set search_path = ''
as $$
declare
  e tally.event := find_problem.event;
  v_unknown jsonb := find_problem.raw - '{organization_id,id,created_at,provider,model,tool_name,operation,resource_type,service_tier,status,user_id,api_key_id,execution_id,session_id,workflow_id,input_tokens,output_tokens,classes,units,unit_type,cost_usd,duration_ms,is_estimated,is_byok,idempotency_key,request_metadata}'::text[];
  v_problem text[];
begin
  v_problem := case
    when v_unknown <> '{}' then array['', 'is not a field of an event.']
    when find_problem.raw - '{classes,request_metadata}'::text[]
      @? 'strict $.* ? (@.type() == "object" || @.type() == "array")'
      then array['', 'must not be an object or a list.']
    when e.organization_id is null then array['organization_id', 'is missing.']
    when e.provider is null or btrim(e.provider) = '' then array['provider', 'is missing.']
    when e.model is null or btrim(e.model) = '' then array['model', 'is missing.']
    when e.input_tokens not between 0 and 1000000000000
      then array['input_tokens', 'must be from 0 to 1e12.']
    when e.output_tokens not between 0 and 1000000000000
      then array['output_tokens', 'must be from 0 to 1e12.']
    when jsonb_typeof(e.classes) <> 'object'
      then array['classes', 'must be an object of class and quantity.']
    when (e.units is null) <> (e.unit_type is null)
      then array['units', 'and unit_type belong together.']
    when not e.units between 0 and 1e15 then array['units', 'must be a number from 0 to 1e15.']
    when num_nonnulls(e.input_tokens, e.output_tokens, e.classes, e.units, e.cost_usd) = 0
      and coalesce(e.status, 'success') = 'success'
      then array['input_tokens',
        'is missing: an event must say what was used (tokens, classes or units; 0 is an answer).']
    when not e.cost_usd between 0 and 1e9
      then array['cost_usd', 'must be a number from 0 to 1e9.']
    when e.status not in ('success', 'failed', 'timeout', 'aborted')
      then array['status', 'must be success, failed, timeout or aborted.']
    when e.duration_ms < 0 then array['duration_ms', 'must be zero or more.']
    when length(e.idempotency_key) not between 1 and 255
      then array['idempotency_key', 'must have 1 to 255 characters.']
    when greatest(length(e.provider), length(e.model), length(e.tool_name), length(e.operation),
      length(e.resource_type), length(e.service_tier), length(e.session_id),
      length(e.workflow_id)) > 256
      then array['', 'may have at most 256 characters.']
    when jsonb_typeof(e.request_metadata) <> 'object'
      or octet_length(e.request_metadata::text) > 16384
      then array['request_metadata', 'must be an object of at most 16 KB.']
    when tally.is_operator() then null
    when e.cost_usd is not null
      then array['cost_usd', 'is computed here; only the operator may state it.']
    when e.api_key_id is not null
      then array['api_key_id', 'is set by the server that checked the key.']
    when e.user_id <> coalesce(auth.uid(), '00000000-0000-0000-0000-000000000000')
      then array['user_id', 'must be your own.']
  end;
  if v_problem[1] = '' then
    -- Which field it is takes a query.
    v_problem[1] := (
      select min(r.key)
      from jsonb_each(find_problem.raw) as r
      where case v_problem[2]
        when 'is not a field of an event.' then v_unknown ? r.key
        when 'must not be an object or a list.' then jsonb_typeof(r.value) in ('object', 'array')
          and r.key not in ('classes', 'request_metadata')
        else length(r.value #>> '{}') > 256
          and r.key not in ('classes', 'request_metadata', 'idempotency_key')
      end);
  end if;
  return v_problem;
end;
$$;
comment on function tally.find_problem(tally.event, jsonb) is
  'The first rule that an event breaks, as [field, complaint]; null when it breaks none. Rules about its time are in tally.find_time_problem, about classes in tally.complete_quantities.';
revoke execute on function tally.find_problem(tally.event, jsonb)
  from public, anon, authenticated;

create type tally.completed_event as (event tally.event, problem text[]);
comment on type tally.completed_event is
  'An event whose quantities agree, or what is wrong with them as [field, complaint].';

create function tally.complete_quantities(event tally.event)
returns tally.completed_event
language plpgsql stable security definer set search_path = ''
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
      return (e, array['classes.' || v_class, 'is not a class of tally.usage_classes.'])
        ::tally.completed_event;
    elsif jsonb_typeof(v_value) <> 'number' or not v_value::numeric between 0 and 1e12
      or v_kind <> 'unit' and v_value::numeric % 1 <> 0 then
      return (e, array['classes.' || v_class, format('must be a %s from 0 to 1e12, not %s.',
        case when v_kind = 'unit' then 'number' else 'whole number' end, left(v_value::text, 80))])
        ::tally.completed_event;
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
    return (e, array['classes', format('add up to %s input tokens, but input_tokens is %s.',
      v_input, e.input_tokens)])::tally.completed_event;
  elsif e.input_tokens > v_input then
    v_given := v_given || jsonb_build_object('input', e.input_tokens - v_input);
  end if;
  if e.output_tokens is null then
    e.output_tokens := v_output;
  elsif e.output_tokens < v_output or e.output_tokens > v_output and v_given ? 'output' then
    return (e, array['classes', format('add up to %s output tokens, but output_tokens is %s.',
      v_output, e.output_tokens)])::tally.completed_event;
  elsif e.output_tokens > v_output then
    v_given := v_given || jsonb_build_object('output', e.output_tokens - v_output);
  end if;

  if e.units is not null then
    select c.class into v_unit
    from tally.usage_classes as c
    where c.kind = 'unit' and lower(e.unit_type) in (c.class, c.plural);
    if v_unit is null then
      return (e, array['unit_type', 'is not a unit of tally.usage_classes.'])
        ::tally.completed_event;
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

create function tally.check_event(
  raw jsonb, at timestamptz, late_limit interval default null, base tally.event default null)
returns tally.checked_event
language plpgsql stable security definer set search_path = ''
as $$
declare
  e tally.event;
  v_input numeric;
  v_output numeric;
  v_is_plain boolean;
  v_completed tally.completed_event;
  v_problem text[];
  v_states_id boolean;
  v_states_time boolean;
  v_states_cost boolean;
  v_price record;
begin
  begin
    e := jsonb_populate_record(check_event.base, check_event.raw);
  exception when data_exception or invalid_parameter_value or datatype_mismatch then
    return (null, null, null, null, null, null,
      tally.blame_event(check_event.raw, sqlerrm))::tally.checked_event;
  end;
  -- One look finds the usual call to be fine; any other is looked at rule by rule. What a path says
  -- costs a fraction of what the same costs as expressions.
  if check_event.raw - '{organization_id,id,created_at,provider,model,tool_name,operation,resource_type,service_tier,status,user_id,api_key_id,execution_id,session_id,workflow_id,input_tokens,output_tokens,classes,duration_ms,is_estimated,is_byok,idempotency_key,request_metadata}'::text[] = '{}'
    and not check_event.raw - '{classes,request_metadata}'::text[]
      @? 'strict $.* ? (@.type() == "object" || @.type() == "array")'
    and check_event.raw @? '$ ? (
      @.input_tokens >= 0 && @.input_tokens <= 1e12
      && @.output_tokens >= 0 && @.output_tokens <= 1e12
      && (!exists(@.duration_ms) || @.duration_ms >= 0)
      && (!exists(@.status) || @.status == "success" || @.status == "failed"
        || @.status == "timeout" || @.status == "aborted"))'
    and e.organization_id is not null and btrim(e.provider) <> '' and btrim(e.model) <> ''
    and length(concat(e.provider, e.model, e.tool_name, e.operation, e.resource_type,
      e.service_tier, e.session_id, e.workflow_id)) <= 256
    and (e.idempotency_key is null or length(e.idempotency_key) between 1 and 255)
    and (e.request_metadata is null or jsonb_typeof(e.request_metadata) = 'object'
      and octet_length(e.request_metadata::text) <= 16384)
    and (e.classes is null
      or case when jsonb_typeof(e.classes) = 'object'
        then e.classes - '{input,cache_read,cache_write,output,reasoning}'::text[] = '{}'
          and not e.classes @? 'strict $.* ? (@.type() != "number" || @ < 0 || @ % 1 != 0)' end)
    and (not check_event.raw ?| '{user_id,api_key_id}' or tally.is_operator())
  then
    -- As tally.complete_quantities, for text tokens.
    v_input := e.input_tokens - coalesce((e.classes -> 'cache_read')::numeric, 0)
      - coalesce((e.classes -> 'cache_write')::numeric, 0);
    v_output := e.output_tokens - coalesce((e.classes -> 'reasoning')::numeric, 0);
    v_is_plain := coalesce((e.classes -> 'input')::numeric = v_input, v_input >= 0)
      and coalesce((e.classes -> 'output')::numeric = v_output, v_output >= 0);
  end if;
  if v_is_plain then
    e.classes := coalesce(e.classes, '{}') || case
      when v_input > 0 and v_output > 0
        then jsonb_build_object('input', v_input, 'output', v_output)
      when v_input > 0 then jsonb_build_object('input', v_input)
      when v_output > 0 then jsonb_build_object('output', v_output)
      else '{}'
    end;
  else
    v_problem := tally.find_problem(e, check_event.raw);
    if v_problem is null then
      v_completed := tally.complete_quantities(e);
      e := v_completed.event;
      v_problem := v_completed.problem;
    end if;
  end if;
  v_states_id := e.id is not null;
  v_states_time := v_states_id or e.created_at is not null;
  v_states_cost := e.cost_usd is not null;
  if v_states_time and v_problem is null then
    v_problem := tally.find_time_problem(
      e.id, e.created_at, check_event.at, check_event.late_limit);
  end if;
  if v_problem is not null then
    return (e, null, null, v_states_id, v_states_time, v_states_cost, jsonb_build_object(
      'code', 'PT400', 'field', v_problem[1], 'message', v_problem[1] || ' ' || v_problem[2])
    )::tally.checked_event;
  end if;

  if v_states_id then
    e.created_at := tally.uuid_time(e.id);
  else
    e.created_at := date_trunc('milliseconds', coalesce(e.created_at, check_event.at));
    e.id := tally.uuid_v7(e.created_at);
  end if;
  if num_nulls(e.resource_type, e.service_tier, e.status, e.is_estimated, e.is_byok) > 0 then
    e.resource_type := coalesce(e.resource_type, 'token');
    e.service_tier := coalesce(e.service_tier, 'standard');
    e.status := coalesce(e.status, 'success');
    e.is_estimated := coalesce(e.is_estimated, false);
    e.is_byok := coalesce(e.is_byok, false);
  end if;
  if e.user_id is null then
    e.user_id := auth.uid();
  end if;
  v_price := tally.price_call(e.organization_id, e.provider, e.model, e.service_tier, e.classes,
    e.input_tokens, e.created_at);
  if v_states_cost then
    v_price.price_id := null;
  else
    e.cost_usd := v_price.cost_usd;
  end if;
  return (e, v_price.price_id, v_price.priced_model, v_states_id, v_states_time, v_states_cost,
    null)::tally.checked_event;
end;
$$;
comment on function tally.check_event(jsonb, timestamptz, interval, tally.event) is
  'Reads one event: checked, made whole, priced by the card of its own moment. Says what is wrong instead of raising it. late_limit: how old it may be; null: the setting. base: what it leaves out.';
revoke execute on function tally.check_event(jsonb, timestamptz, interval, tally.event)
  from public, anon, authenticated;
