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
  position integer,
  event tally.event,
  prompt_tokens bigint,
  stated jsonb,
  problem jsonb
);
-- Functions of the hot path ask for generic plans: planning these statements anew for every call costs
-- three times what running them does, and no argument would change the plan.

comment on type tally.checked_event is
  'An event made whole. stated: what the caller himself said of id, created_at and cost_usd. problem: {code, field, message} when it cannot be recorded.';

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

create function tally.check_events(events tally.event[], raw jsonb, at timestamptz)
returns setof tally.checked_event
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
  v_operator boolean := tally.is_operator();
  v_actor uuid := auth.uid();
  v_late interval;
  v_early interval;
  v_keys text[] := array(
    select a.attname::text from pg_catalog.pg_attribute as a
    where a.attrelid = 'tally.event'::regclass and a.attnum > 0
  );
begin
  select s.event_late_limit, s.event_early_limit into v_late, v_early from tally.settings as s;
  return query
  select
    e.position::integer,
    (
      e.organization_id,
      coalesce(e.id, tally.uuid_v7(t.at)),
      t.at, e.provider, e.model, e.tool_name, e.operation,
      coalesce(e.resource_type, 'token'), coalesce(e.service_tier, 'standard'), coalesce(e.status, 'success'),
      case when v_operator then e.user_id else coalesce(e.user_id, v_actor) end,
      e.api_key_id, e.execution_id, e.session_id, e.workflow_id,
      coalesce(e.input_tokens, q.input), coalesce(e.output_tokens, q.output),
      coalesce(e.classes, '{}')
        || case when e.input_tokens > q.input then jsonb_build_object('input', e.input_tokens - q.input) else '{}' end
        || case when e.output_tokens > q.output then jsonb_build_object('output', e.output_tokens - q.output) else '{}' end
        || case when e.units is not null then jsonb_build_object(u.class, e.units) else '{}' end,
      e.units, u.class, e.cost_usd, e.duration_ms,
      coalesce(e.is_estimated, false), coalesce(e.is_byok, false), e.idempotency_key, e.request_metadata
    )::tally.event,
    coalesce(e.input_tokens, q.input),
    jsonb_build_object('id', e.id is not null, 'created_at', coalesce(e.created_at, t.at) = t.at and (e.id is not null or e.created_at is not null), 'cost_usd', e.cost_usd is not null),
    case when p.problem is not null then
      jsonb_build_object('code', 'PT400', 'field', p.problem[1], 'message', p.problem[1] || ' ' || p.problem[2])
    end
  from rows from (unnest(check_events.events), jsonb_array_elements(check_events.raw)) with ordinality
    as e (organization_id, id, created_at, provider, model, tool_name, operation, resource_type, service_tier, status,
      user_id, api_key_id, execution_id, session_id, workflow_id, input_tokens, output_tokens, classes, units,
      unit_type, cost_usd, duration_ms, is_estimated, is_byok, idempotency_key, request_metadata, raw, position)
  cross join lateral (
    select date_trunc('milliseconds', coalesce(
      e.created_at, case when substr(e.id::text, 15, 1) = '7' then tally.uuid_time(e.id) end, check_events.at)) as at
  ) as t
  left join tally.usage_classes as u
    on u.kind = 'unit' and lower(e.unit_type) in (u.class, u.plural)
  cross join lateral (
    select
      coalesce(sum(x.quantity) filter (where x.kind = 'input'), 0)::bigint as input,
      coalesce(sum(x.quantity) filter (where x.kind = 'output'), 0)::bigint as output,
      min(x.key) filter (where x.quantity is null) as wrong
    from (
      select k.key, c.kind, case
        when jsonb_typeof(k.value) = 'number' and (k.value)::text::numeric between 0 and 1e12
          and (c.kind = 'unit' or (k.value)::text::numeric % 1 = 0)
        then (k.value)::text::numeric
      end as quantity
      from jsonb_each(case when jsonb_typeof(e.classes) = 'object' then e.classes else '{}' end) as k
      left join tally.usage_classes as c on c.class = k.key
    ) as x
  ) as q
  cross join lateral (
    -- The first rule that is broken, as [field, complaint].
    select case
      when e.raw - v_keys <> '{}'
        then array[(select min(k) from jsonb_object_keys(e.raw) as k where k <> all (v_keys)), 'is not a field of an event.']
      when e.organization_id is null
        then array['organization_id', 'is missing.']
      when coalesce(btrim(e.provider), '') = ''
        then array['provider', 'is missing.']
      when coalesce(btrim(e.model), '') = ''
        then array['model', 'is missing.']
      when e.input_tokens not between 0 and 1000000000000
        then array['input_tokens', 'must be from 0 to 1e12.']
      when e.output_tokens not between 0 and 1000000000000
        then array['output_tokens', 'must be from 0 to 1e12.']
      when jsonb_typeof(e.classes) <> 'object'
        then array['classes', 'must be an object of class and quantity.']
      when q.wrong is not null
        then array['classes.' || q.wrong, 'is not a class with a quantity from 0 to 1e12, whole for tokens.']
      when q.input > e.input_tokens
        then array['classes', 'add up to more than input_tokens.']
      when q.output > e.output_tokens
        then array['classes', 'add up to more than output_tokens.']
      when q.input < e.input_tokens and e.classes ? 'input'
        then array['classes', 'add up to less than input_tokens.']
      when q.output < e.output_tokens and e.classes ? 'output'
        then array['classes', 'add up to less than output_tokens.']
      when e.units is not null and not e.units between 0 and 1e15
        then array['units', 'must be a number from 0 to 1e15.']
      when (e.units is null) <> (e.unit_type is null)
        then array['units', 'and unit_type belong together.']
      when e.unit_type is not null and u.class is null
        then array['unit_type', 'is not a unit of tally.usage_classes.']
      when e.units is not null and e.classes ? u.class and e.classes -> u.class <> to_jsonb(e.units)
        then array['units', 'says something else than classes.']
      when coalesce(e.status, 'success') = 'success' and e.cost_usd is null and e.units is null
        and num_nulls(e.input_tokens, e.output_tokens, e.classes) = 3
        then array['input_tokens', 'is missing: an event must say what was used (tokens, classes or units; 0 is an answer).']
      when e.cost_usd is not null and not v_operator
        then array['cost_usd', 'is computed here; only the operator may state it.']
      when e.cost_usd is not null and not e.cost_usd between 0 and 1e9
        then array['cost_usd', 'must be a number from 0 to 1e9.']
      when not v_operator and e.user_id is distinct from v_actor and e.user_id is not null
        then array['user_id', 'must be your own.']
      when not v_operator and e.api_key_id is not null
        then array['api_key_id', 'is set by the server that checked the key.']
      when e.status not in ('success', 'failed', 'timeout', 'aborted')
        then array['status', 'must be success, failed, timeout or aborted.']
      when e.duration_ms < 0
        then array['duration_ms', 'must be zero or more.']
      when substr(e.id::text, 15, 1) <> '7'
        then array['id', 'must be a uuid of version 7: the time of the event is inside it.']
      when e.id is not null and e.created_at is not null and tally.uuid_time(e.id) <> t.at
        then array['created_at', 'is not the time inside id; they must agree to the millisecond.']
      when t.at < check_events.at - v_late
        then array['created_at', format('is more than %s ago; the operator can load older usage in bulk.', v_late)]
      when t.at > check_events.at + v_early
        then array['created_at', format('is more than %s ahead; check the clock of the sender.', v_early)]
      when length(e.idempotency_key) not between 1 and 255
        then array['idempotency_key', 'must have 1 to 255 characters.']
      when jsonb_typeof(e.request_metadata) <> 'object' or octet_length(e.request_metadata::text) > 16384
        then array['request_metadata', 'must be an object of at most 16 KB.']
      when greatest(length(e.provider), length(e.model), length(e.tool_name), length(e.operation),
          length(e.resource_type), length(e.service_tier), length(e.session_id), length(e.workflow_id)) > 256
        then array['provider, model, tool_name, operation, resource_type, service_tier, session_id and workflow_id', 'may have at most 256 characters each.']
    end as problem
  ) as p
  order by e.position;
end;
$$;
comment on function tally.check_events(tally.event[], jsonb, timestamptz) is
  'Makes events whole (id, time, totals, classes, defaults) and finds what is wrong with each: the one list of rules, for one event and for many.';
revoke execute on function tally.check_events(tally.event[], jsonb, timestamptz) from public, anon, authenticated;

create function tally.read_events(events jsonb, at timestamptz)
returns setof tally.checked_event
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
  v_raw jsonb;
  v_position integer := 0;
begin
  begin
    return query
    select c.*
    from tally.check_events(
      array(select e from jsonb_populate_recordset(null::tally.event, read_events.events) as e),
      read_events.events, read_events.at
    ) as c;
    return;
  exception when data_exception or invalid_parameter_value or datatype_mismatch then
    -- Some value has the wrong type. Read one by one, so that the good ones land and the bad ones are named.
    null;
  end;
  for v_raw in select e from jsonb_array_elements(read_events.events) as e loop
    v_position := v_position + 1;
    begin
      return query
      select v_position, c.event, c.prompt_tokens, c.stated, c.problem
      from tally.check_events(
        array[jsonb_populate_record(null::tally.event, v_raw)], jsonb_build_array(v_raw), read_events.at
      ) as c;
    exception when data_exception or invalid_parameter_value or datatype_mismatch then
      return query
      select v_position, null::tally.event, null::bigint, null::jsonb, tally.blame_event(v_raw, sqlerrm);
    end;
  end loop;
end;
$$;
comment on function tally.read_events(jsonb, timestamptz) is 'Turns a JSON array of events into checked ones; nothing is written.';
revoke execute on function tally.read_events(jsonb, timestamptz) from public, anon, authenticated;

create type tally.recorded_event as (
  position integer,
  id uuid,
  status text,
  cost_usd numeric,
  input_tokens bigint,
  output_tokens bigint,
  total_tokens bigint,
  price_id bigint
);
comment on type tally.recorded_event is 'The answer for one event; status: recorded, duplicate or conflict.';

create function tally.price_events(events tally.checked_event[])
returns table (call bigint, cost_usd numeric, price_id bigint)
language plpgsql volatile security definer set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
begin
  -- An id seen for the first time is looked up among the rules before it may count as unpriced.
  perform tally.remember_model(m.provider, m.model)
  from (
    select distinct (e.event).provider, (e.event).model
    from unnest(price_events.events) as e
    where not exists (
      select from public.cost_estimates as c
      where c.provider = (e.event).provider and c.model = (e.event).model
    ) and not exists (
      select from tally.model_aliases as a
      where a.provider = (e.event).provider and a.alias = (e.event).model
    )
  ) as m;
  return query
  select p.*
  from tally.price_calls(
    array(select (e.event).organization_id from unnest(price_events.events) as e),
    array(select (e.event).provider from unnest(price_events.events) as e),
    array(select (e.event).model from unnest(price_events.events) as e),
    array(select (e.event).service_tier from unnest(price_events.events) as e),
    array(select (e.event).classes from unnest(price_events.events) as e),
    array(select e.prompt_tokens from unnest(price_events.events) as e),
    array(select (e.event).created_at from unnest(price_events.events) as e)
  ) as p;
end;
$$;
comment on function tally.price_events(tally.checked_event[]) is
  'Prices events in their order by the cards of their own moments; learns new ids of known models on the way.';
revoke execute on function tally.price_events(tally.checked_event[]) from public, anon, authenticated;

create function tally.write_events(
  events tally.checked_event[], hold_quotas uuid[] default null, released jsonb default null)
returns setof tally.recorded_event
language plpgsql volatile security definer set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
  v_first timestamptz;
  v_last timestamptz;
begin
  select min((e.event).created_at), max((e.event).created_at) into v_first, v_last
  from unnest(write_events.events) as e;
  if to_regclass('tally.token_usage_' || to_char(v_first at time zone 'UTC', 'YYYY_MM')) is null
    or to_regclass('tally.token_usage_' || to_char(v_last at time zone 'UTC', 'YYYY_MM')) is null then
    perform tally.ensure_partitions(v_first, v_last);
  end if;

  -- One statement: the key, the event and its effect on quotas land together or not at all.
  return query
  with priced as materialized (
    select e.position, e.call,
      (e.event).organization_id, (e.event).id, (e.event).created_at, (e.event).provider, (e.event).model,
      (e.event).tool_name, (e.event).operation, (e.event).resource_type, (e.event).service_tier,
      (e.event).status, (e.event).user_id, (e.event).api_key_id, (e.event).execution_id,
      (e.event).session_id, (e.event).workflow_id, (e.event).input_tokens, (e.event).output_tokens,
      (e.event).classes, (e.event).units, (e.event).unit_type, (e.event).duration_ms,
      (e.event).is_estimated, (e.event).is_byok, (e.event).idempotency_key, (e.event).request_metadata,
      coalesce((e.event).cost_usd, p.cost_usd) as cost_usd,
      case when (e.event).cost_usd is null then p.price_id end as price_id,
      c.model as priced_model
    from unnest(write_events.events) with ordinality
      as e (position, event, prompt_tokens, stated, problem, call)
    join tally.price_events(write_events.events) as p on p.call = e.call
    left join public.cost_estimates as c on c.id = p.price_id
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
      released_quotas, released, is_beyond_hold)
    select f.organization_id, f.created_at, f.user_id, f.api_key_id, f.provider, f.model, f.priced_model,
      f.tool_name, f.resource_type, coalesce(f.cost_usd, 0), f.input_tokens, f.output_tokens, 1,
      coalesce(f.units, 0), write_events.hold_quotas, write_events.released,
      write_events.hold_quotas is null
        or coalesce(f.cost_usd > coalesce((write_events.released ->> 'cost_usd')::numeric, 0), false)
        or f.input_tokens + f.output_tokens > coalesce((write_events.released ->> 'total_tokens')::numeric, 0)
        or f.input_tokens > coalesce((write_events.released ->> 'input_tokens')::numeric, 0)
        or f.output_tokens > coalesce((write_events.released ->> 'output_tokens')::numeric, 0)
        or coalesce(f.units, 0) > coalesce((write_events.released ->> 'units')::numeric, 0)
        or coalesce((write_events.released ->> 'requests')::numeric, 0) < 1
        or exists (
          select from public.usage_quotas as q
          where q.organization_id = f.organization_id
            and q.id <> all (write_events.hold_quotas)
            and (q.user_id is null or q.user_id = f.user_id)
            and (q.api_key_id is null or q.api_key_id = f.api_key_id)
            and (q.provider is null or q.provider = f.provider)
            and (q.model is null or q.model in (f.model, f.priced_model))
            and (q.tool_name is null or q.tool_name = f.tool_name)
            and (q.resource_type is null or q.resource_type = f.resource_type)
        )
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
comment on function tally.write_events(tally.checked_event[], uuid[], jsonb) is
  'Writes checked events with their keys and their deltas, in one statement; what was there already comes back as replay. With the quotas of a hold: what it gives back.';
revoke execute on function tally.write_events(tally.checked_event[], uuid[], jsonb) from public, anon, authenticated;

create function tally.answer_replay(event tally.checked_event)
returns tally.recorded_event
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_new tally.event := (answer_replay.event).event;
  v_stated jsonb := (answer_replay.event).stated;
  v_old public.token_usage;
  v_id uuid := coalesce(
    (
      select k.event_id from tally.idempotency_keys as k
      where k.organization_id = v_new.organization_id and k.idempotency_key = v_new.idempotency_key
    ),
    v_new.id
  );
begin
  select u.* into v_old
  from public.token_usage as u
  where u.organization_id = v_new.organization_id and u.created_at = tally.uuid_time(v_id) and u.id = v_id;
  return (
    (answer_replay.event).position,
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
        and (not (v_stated ->> 'id')::boolean or v_old.id = v_new.id)
        and (not (v_stated ->> 'created_at')::boolean or v_old.created_at = v_new.created_at)
        and (not (v_stated ->> 'cost_usd')::boolean or v_old.cost_usd = v_new.cost_usd)
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

create function tally.record_events(
  events tally.checked_event[], hold_quotas uuid[] default null, released jsonb default null)
returns setof tally.recorded_event
language plpgsql volatile security definer set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
  v_answer tally.recorded_event;
begin
  for v_answer in
    select w.* from tally.write_events(record_events.events, record_events.hold_quotas, record_events.released) as w
  loop
    if v_answer.status = 'replay' then
      -- A statement of its own, so that it sees what a concurrent first writer has committed meanwhile.
      select r.* into v_answer
      from unnest(record_events.events) as e
      cross join lateral tally.answer_replay(e) as r
      where e.position = v_answer.position;
    end if;
    return next v_answer;
  end loop;
end;
$$;
comment on function tally.record_events(tally.checked_event[], uuid[], jsonb) is
  'Records checked events, each exactly once: recorded, duplicate or conflict.';
revoke execute on function tally.record_events(tally.checked_event[], uuid[], jsonb) from public, anon, authenticated;

create function tally.require_recordable(event tally.checked_event)
returns void
language plpgsql stable security definer set search_path = ''
as $$
begin
  if (require_recordable.event).problem is not null then
    perform tally.fail(
      (require_recordable.event).problem ->> 'code',
      (require_recordable.event).problem ->> 'message',
      (require_recordable.event).problem ->> 'field',
      'Mend that field and send the event again with the same id; nothing was recorded.');
  end if;
  perform tally.require_recorder(((require_recordable.event).event).organization_id);
end;
$$;
comment on function tally.require_recordable(tally.checked_event) is
  'Raises what is wrong with an event, or that the caller may not record it.';
revoke execute on function tally.require_recordable(tally.checked_event) from public, anon, authenticated;

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
  v_answer tally.recorded_event;
begin
  select c.* into v_event from tally.read_events(jsonb_build_array(track_usage.event), now()) as c;
  perform tally.require_recordable(v_event);
  select r.* into v_answer from tally.record_events(array[v_event]) as r;
  return tally.require_agreement(v_answer);
end;
$$;
comment on function tally.track_usage(jsonb) is 'Behind public.track_usage.';
revoke execute on function tally.track_usage(jsonb) from public, anon, authenticated;
grant execute on function tally.track_usage(jsonb) to authenticated, service_role;

create function public.track_usage(event jsonb)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.track_usage(track_usage.event)
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
  v_events tally.checked_event[];
  v_organization uuid;
  v_problem jsonb;
  v_answers tally.recorded_event[];
begin
  if jsonb_typeof(track_usage_batch.events) is distinct from 'array' then
    perform tally.fail('PT400', 'events must be a JSON array.', 'events', 'For one event there is track_usage().');
  elsif jsonb_array_length(track_usage_batch.events) > 10000 then
    perform tally.fail('PT400', 'A batch may hold at most 10000 events.', 'events', 'Send batches of 500.');
  end if;
  v_events := array(select c from tally.read_events(track_usage_batch.events, now()) as c);
  for v_organization in
    select distinct ((e.event)).organization_id from unnest(v_events) as e where e.problem is null
  loop
    begin
      perform tally.require_recorder(v_organization);
    exception when sqlstate 'PT403' or sqlstate 'PT404' then
      v_problem := jsonb_build_object('code', sqlstate, 'field', 'organization_id', 'message', sqlerrm);
      v_events := array(
        select (e.position, e.event, e.prompt_tokens, e.stated, case
          when e.problem is null and (e.event).organization_id = v_organization then v_problem
          else e.problem
        end)::tally.checked_event
        from unnest(v_events) as e
      );
    end;
  end loop;
  v_answers := array(
    select r from tally.record_events(array(select e from unnest(v_events) as e where e.problem is null)) as r
  );
  return jsonb_build_object(
    'recorded', (select count(*) from unnest(v_answers) as a where a.status = 'recorded'),
    'duplicates', (select count(*) from unnest(v_answers) as a where a.status = 'duplicate'),
    'rejected', coalesce((
      select jsonb_agg(b.bad order by b.position)
      from (
        select e.position, jsonb_build_object('index', e.position - 1, 'code', e.problem ->> 'code',
          'field', e.problem ->> 'field', 'message', e.problem ->> 'message') as bad
        from unnest(v_events) as e where e.problem is not null
        union all
        select a.position, jsonb_build_object('index', a.position - 1, 'code', 'PT409', 'field', 'id',
          'message', 'This id or idempotency_key already names another event.')
        from unnest(v_answers) as a where a.status = 'conflict'
      ) as b
    ), '[]')
  );
end;
$$;
comment on function tally.track_usage_batch(jsonb) is 'Behind public.track_usage_batch.';
revoke execute on function tally.track_usage_batch(jsonb) from public, anon, authenticated;
grant execute on function tally.track_usage_batch(jsonb) to authenticated, service_role;

create function public.track_usage_batch(events jsonb)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.track_usage_batch(track_usage_batch.events)
$$;
comment on function public.track_usage_batch(jsonb) is
  'Records an array of events: {recorded, duplicates, rejected: [{index, code, field, message}]}. Good ones land, bad ones are named by their index from 0. At most 10000; 500 is best.';
revoke execute on function public.track_usage_batch(jsonb) from public, anon, authenticated;
grant execute on function public.track_usage_batch(jsonb) to authenticated, service_role;
