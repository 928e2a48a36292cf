-- Batches: many events in one call; good ones land, bad ones are named.

create function tally.staged_events(table_name text)
returns setof tally.event
language plpgsql stable security definer rows 1 set search_path = ''
as $$
begin
  if staged_events.table_name is not null then
    return query execute format('select * from pg_temp.%I', staged_events.table_name);
  end if;
end;
$$;
comment on function tally.staged_events(text) is
  'The events in a temporary table (of tally.event) of this session; no table: none.';
revoke execute on function tally.staged_events(text) from public, anon, authenticated;

create function tally.refuse_staged()
returns jsonb
language plpgsql volatile security invoker set search_path = ''
as $$
begin
  perform tally.fail('22000', 'A staged event is not plain.', null,
    'Send these events with import_usage().');
  return null;
end;
$$;
comment on function tally.refuse_staged() is 'Raises that staged events must be sent as JSON, which says what is wrong with each.';
revoke execute on function tally.refuse_staged() from public, anon, authenticated;

create function tally.write_events(
  events jsonb, skipped integer[], at timestamptz, late_limit interval,
  out recorded integer, out rejected jsonb)
language plpgsql volatile security definer set search_path = ''
  set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_is_operator boolean := tally.is_operator();
  v_user_id uuid := auth.uid();
  v_earliest timestamptz;
  v_latest timestamptz;
begin
  select tally.earliest_time(write_events.at,
      coalesce(write_events.late_limit, s.event_late_limit)),
    write_events.at + s.event_early_limit
  into v_earliest, v_latest
  from tally.settings as s;
  -- One statement, so that the events and their effect land together or not at all. What is plain
  -- (text tokens and units at list prices, texts of ordinary length) is checked and priced here for
  -- all of it at once; any other event goes through tally.check_event, whose answer the plain ones
  -- equal. `offset 0` keeps what a step computes from being computed again wherever the next one
  -- names it. Of a step that is read several times the first columns tell whether a row matters.
  with stated as materialized (
    select
      case
        when e.id is null then
          date_trunc('milliseconds', coalesce(e.created_at, write_events.at))
        else timestamptz 'epoch'
          + ('x' || encode(substring(uuid_send(e.id) for 6), 'hex'))::bit(48)::bigint
            * interval '1 millisecond'
      end as happened_at,
      coalesce(e.service_tier, 'standard') as tier,
      e.*,
      (e.classes -> 'input')::numeric as given_input,
      (e.classes -> 'cache_read')::numeric as given_read,
      (e.classes -> 'cache_write')::numeric as given_write,
      (e.classes -> 'output')::numeric as given_output,
      (e.classes -> 'reasoning')::numeric as given_reasoning,
      case when e.unit_type is not null then tally.unit_class(e.unit_type) end as unit_class,
      concat_ws(' ', e.provider, e.model, e.tool_name, e.operation, e.resource_type,
        e.service_tier, e.session_id, e.workflow_id, e.unit_type, e.idempotency_key) as texts
    from (
      select j.*
      from jsonb_populate_recordset(null::tally.event, write_events.events)
        with ordinality as j (
          organization_id, id, created_at, provider, model, tool_name, operation, resource_type,
          service_tier, status, user_id, api_key_id, execution_id, session_id, workflow_id,
          input_tokens, output_tokens, classes, units, unit_type, cost_usd, duration_ms,
          is_estimated, is_byok, idempotency_key, request_metadata, place)
      union all
      select t.*, 0 from tally.staged_events(
        case when write_events.events is null then 'staged_events' end) as t
    ) as e
    where e.place <> all (write_events.skipped)
  ),
  span as materialized (
    select array_agg(distinct s.organization_id) as organization_ids,
      min(s.happened_at) filter (where s.happened_at between v_earliest and v_latest) as starts_at,
      max(s.happened_at) filter (where s.happened_at between v_earliest and v_latest) as ends_at
    from stated as s
  ),
  models as materialized (
    select array_agg(m.provider) as providers, array_agg(m.model) as models,
      array_agg(m.tier) as tiers
    from (select distinct s.provider, s.model, s.tier from stated as s) as m
    where btrim(m.provider) <> '' and btrim(m.model) <> ''
  ),
  payers as materialized (
    select p.*
    from span
    cross join lateral tally.batch_payers(
      span.organization_ids, span.starts_at, span.ends_at) as p
  ),
  cards as materialized (
    select c.*
    from span
    cross join models
    cross join lateral tally.batch_cards(
      models.providers, models.models, models.tiers, span.starts_at, span.ends_at) as c
  ),
  -- As tally.complete_quantities: what no class names is plain text, totals follow from classes.
  -- Whole numbers are several times as fast as numeric ones; a quantity that is none is not plain.
  counted as (
    select s.*,
      coalesce(s.given_input::bigint, s.input_tokens - coalesce(s.given_read::bigint, 0)
        - coalesce(s.given_write::bigint, 0), 0) as input,
      coalesce(s.given_read::bigint, 0) as cache_read,
      coalesce(s.given_write::bigint, 0) as cache_write,
      coalesce(s.given_output::bigint, s.output_tokens - coalesce(s.given_reasoning::bigint, 0), 0)
        as output,
      coalesce(s.given_reasoning::bigint, 0) as reasoning
    from stated as s
    offset 0
  ),
  judged as materialized (
    select
      coalesce(p.refusal is null and p.factor is not null and c.from_tokens is not null
        and (write_events.events is null
          or (write_events.events -> (k.place - 1)::integer) - '{
            organization_id, provider, model, id, input_tokens, output_tokens, created_at, classes,
            request_metadata, idempotency_key, tool_name, user_id, session_id, duration_ms,
            operation, status, api_key_id, service_tier, resource_type, workflow_id, execution_id,
            units, unit_type, is_estimated, is_byok, cost_usd}'::text[] = '{}')
        and (k.classes is null
          or k.classes - '{input,cache_read,cache_write,output,reasoning}'::text[] = '{}'
            and coalesce(greatest(scale(k.given_input), scale(k.given_read), scale(k.given_write),
              scale(k.given_output), scale(k.given_reasoning)), 0) = 0)
        and num_nonnulls(k.input_tokens, k.output_tokens, k.classes, k.units, k.cost_usd) > 0
        and least(k.input, k.output, k.cache_read, k.cache_write, k.reasoning) >= 0
        and k.input + k.cache_read + k.cache_write <= 1000000000000
        and k.output + k.reasoning <= 1000000000000
        and (k.input_tokens is null or k.input_tokens = k.input + k.cache_read + k.cache_write)
        and (k.output_tokens is null or k.output_tokens = k.output + k.reasoning)
        and (k.units is null and k.unit_type is null
          or k.unit_class is not null and k.units is not null
            and k.units between 0 and 1000000000000000)
        and (k.id is null or get_byte(uuid_send(k.id), 6) >> 4 = 7)
        and (k.id is null or k.created_at is null
          or k.happened_at = date_trunc('milliseconds', k.created_at))
        and k.happened_at between v_earliest and v_latest
        and (k.status is null or k.status in ('success', 'failed', 'timeout', 'aborted'))
        and (k.duration_ms is null or k.duration_ms >= 0)
        and (k.cost_usd is null or k.cost_usd between 0 and 1000000000)
        and (v_is_operator or k.cost_usd is null and k.api_key_id is null
          and (k.user_id is null or k.user_id = v_user_id))
        -- A text that is long, or may be an object or a list, is looked at one by one.
        and octet_length(k.texts) <= 256 and strpos(k.texts, '{') = 0 and strpos(k.texts, '[') = 0
        and (k.idempotency_key is null or k.idempotency_key <> '')
        and (k.request_metadata is null
          or jsonb_typeof(k.request_metadata) = 'object'
            and octet_length(k.request_metadata::text) <= 16384), false)
      as is_plain,
      case when k.cost_usd is null then c.price_id end as price_id, c.priced_model,
      k.idempotency_key, k.place::integer as place, p.refusal, k.organization_id,
      coalesce(k.id, case when k.happened_at between v_earliest and v_latest then
        tally.uuid_v7(k.happened_at) end) as id,
      k.happened_at as created_at, k.provider, k.model, k.tool_name, k.operation,
      coalesce(k.resource_type, 'token') as resource_type, k.tier as service_tier,
      coalesce(k.status, 'success') as status, coalesce(k.user_id, v_user_id) as user_id,
      k.api_key_id, k.execution_id, k.session_id, k.workflow_id,
      coalesce(k.input_tokens, k.input + k.cache_read + k.cache_write) as input_tokens,
      coalesce(k.output_tokens, k.output + k.reasoning) as output_tokens,
      case
        when k.given_input is null and k.input > 0 and k.given_output is null and k.output > 0 then
          coalesce(k.classes, '{}') || jsonb_build_object('input', k.input, 'output', k.output)
        when k.given_input is null and k.input > 0 then
          coalesce(k.classes, '{}') || jsonb_build_object('input', k.input)
        when k.given_output is null and k.output > 0 then
          coalesce(k.classes, '{}') || jsonb_build_object('output', k.output)
        else coalesce(k.classes, '{}')
      end
        || case when k.unit_class is null then '{}'
          else jsonb_build_object(k.unit_class, k.units) end as classes,
      k.units, k.unit_class as unit_type,
      case when k.cost_usd is null then trim_scale(p.factor * (
        case when k.input = 0 then 0 else k.input * c.input_price end
        + case when k.cache_read = 0 then 0 else k.cache_read * c.cache_read_price end
        + case when k.cache_write = 0 then 0 else k.cache_write * c.cache_write_price end
        + case when k.output = 0 then 0 else k.output * c.output_price end
        + case when k.reasoning = 0 then 0 else k.reasoning * c.reasoning_price end
        + case when k.unit_class is null or k.units = 0 then 0
          else k.units * (c.unit_prices -> k.unit_class)::numeric end
        + case when c.price_id is not null then 0 end))
      else k.cost_usd end as cost_usd,
      k.duration_ms, coalesce(k.is_estimated, false) as is_estimated,
      coalesce(k.is_byok, false) as is_byok, k.request_metadata
    from counted as k
    left join payers as p on p.organization_id = k.organization_id
    left join cards as c on c.provider = k.provider and c.model = k.model
      and c.service_tier = k.tier
      and coalesce(k.input_tokens, k.input + k.cache_read + k.cache_write)
        between c.from_tokens and c.below_tokens - 1
  ),
  odd as materialized (
    select j.place, c.event, c.price_id, c.priced_model, coalesce(c.problem, j.refusal) as problem
    from judged as j
    cross join lateral tally.check_event(
      coalesce(write_events.events -> (j.place - 1), tally.refuse_staged()),
      write_events.at, write_events.late_limit) as c
    where not j.is_plain
  ),
  eligible as not materialized (
    select j.is_plain as is_fine, j.place, j.organization_id, j.id, j.created_at, j.provider,
      j.model, j.tool_name, j.operation, j.resource_type, j.service_tier, j.status, j.user_id,
      j.api_key_id, j.execution_id, j.session_id, j.workflow_id, j.input_tokens, j.output_tokens,
      j.classes, j.units, j.unit_type, j.cost_usd, j.duration_ms, j.is_estimated, j.is_byok,
      j.idempotency_key, j.request_metadata, j.price_id, j.priced_model
    from judged as j
    union all
    select o.problem is null, o.place, (o.event).*, o.price_id, o.priced_model
    from odd as o
  ),
  -- Models, then keys, then rows, each in its order, as tally.record_event: the conditions on the
  -- counts make one wait for the other.
  remembered as materialized (
    select tally.remember_model(m.provider, m.model)
    from (
      select distinct e.provider, e.model from eligible as e
      where e.is_fine and (e.price_id is null or e.priced_model <> e.model)
      order by 1, 2
    ) as m
  ),
  claimed as (
    insert into tally.idempotency_keys as k (organization_id, idempotency_key, event_id)
    select e.organization_id, e.idempotency_key, e.id
    from eligible as e
    where e.is_fine and e.idempotency_key is not null
      and (select count(*) from remembered) >= 0
    order by e.organization_id, e.idempotency_key, e.place
    returning k.event_id
  ),
  written as (
    insert into public.token_usage as u (organization_id, id, created_at, input_tokens,
      output_tokens, price_id, user_id, api_key_id, execution_id, duration_ms, is_estimated,
      is_byok, provider, model, tool_name, operation, resource_type, service_tier, status,
      session_id, workflow_id, idempotency_key, unit_type, units, cost_usd, classes,
      request_metadata)
    select e.organization_id, e.id, e.created_at, e.input_tokens, e.output_tokens, e.price_id,
      e.user_id, e.api_key_id, e.execution_id, e.duration_ms, e.is_estimated, e.is_byok,
      e.provider, e.model, e.tool_name, e.operation, e.resource_type, e.service_tier, e.status,
      e.session_id, e.workflow_id, e.idempotency_key, e.unit_type, e.units, e.cost_usd, e.classes,
      e.request_metadata
    from eligible as e
    where e.is_fine and (select count(*) from claimed) >= 0
    order by e.organization_id, e.created_at, e.id
    returning u.organization_id, u.created_at, u.id
  ),
  counted_in as (
    insert into tally.usage_deltas (organization_id, due_at, event_ids, event_times, is_beyond_hold)
    select w.organization_id, max(w.created_at), array_agg(w.id), array_agg(w.created_at), true
    from written as w
    group by w.organization_id
  )
  select (select count(*) from written),
    (select coalesce(jsonb_agg(jsonb_build_object('index', o.place - 1) || o.problem), '[]')
      from odd as o where o.problem is not null)
  into recorded, rejected;
end;
$$;
comment on function tally.write_events(jsonb, integer[], timestamptz, interval) is
  'Records the events of a JSON array (null: those that are staged) but those at the skipped places (from 1): how many, and which were rejected. Raises when a value has the wrong type, a month has no partition, or one is recorded already.';
revoke execute on function tally.write_events(jsonb, integer[], timestamptz, interval)
  from public, anon, authenticated;

create function tally.find_known_events(
  events jsonb, skipped integer[], out known integer[], out repeated integer[])
language plpgsql stable security definer set search_path = ''
  set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
  with named as (
    select e.place::integer as place,
      e.id is not null and exists (
        select from public.token_usage as u
        where u.organization_id = e.organization_id and u.created_at = tally.uuid_time(e.id)
          and u.id = e.id
      ) or e.idempotency_key is not null and exists (
        select from tally.idempotency_keys as k
        where k.organization_id = e.organization_id and k.idempotency_key = e.idempotency_key
      ) as is_known,
      e.id is not null and row_number() over by_id > 1
        or e.idempotency_key is not null and row_number() over by_key > 1 as is_repeated
    from rows from (
      jsonb_to_recordset(find_known_events.events)
        as (organization_id uuid, id uuid, idempotency_key text)
    ) with ordinality as e (organization_id, id, idempotency_key, place)
    where e.place <> all (find_known_events.skipped)
    window by_id as (partition by e.organization_id, e.id order by e.place),
      by_key as (partition by e.organization_id, e.idempotency_key order by e.place)
  )
  select coalesce(array_agg(n.place) filter (where n.is_known), '{}'),
    coalesce(array_agg(n.place) filter (where n.is_repeated and not n.is_known), '{}')
  into known, repeated
  from named as n;
end;
$$;
comment on function tally.find_known_events(jsonb, integer[]) is
  'The places (from 1) of the events whose id or key is recorded already, and of those that repeat one of the same array.';
revoke execute on function tally.find_known_events(jsonb, integer[])
  from public, anon, authenticated;

create function tally.ensure_months(
  events jsonb, skipped integer[], at timestamptz, late_limit interval, out places integer[],
  out problems jsonb)
language plpgsql volatile security definer set search_path = ''
as $$
begin
  with timed as materialized (
    select e.place::integer as place, date_trunc('month', t.at, 'UTC') as month
    from rows from (
      jsonb_to_recordset(ensure_months.events) as (id uuid, created_at timestamptz)
    ) with ordinality as e (id, created_at, place)
    cross join tally.settings as s
    cross join lateral (
      select case when e.id is null then coalesce(e.created_at, ensure_months.at)
        else tally.uuid_time(e.id) end
    ) as t (at)
    where t.at between tally.earliest_time(
        ensure_months.at, coalesce(ensure_months.late_limit, s.event_late_limit))
      and ensure_months.at + s.event_early_limit
      and e.place <> all (ensure_months.skipped)
  ),
  months as materialized (
    select m.month, tally.ensure_month(m.month) as is_here
    from (select distinct t.month from timed as t order by t.month) as m
  )
  select coalesce(array_agg(t.place), '{}'), coalesce(jsonb_agg(
    jsonb_build_object('index', t.place - 1) || tally.archive_problem(t.month)), '[]')
  into places, problems
  from timed as t
  join months as m on m.month = t.month
  where not m.is_here;
end;
$$;
comment on function tally.ensure_months(jsonb, integer[], timestamptz, interval) is
  'Makes the partitions of a batch when nothing has made them ahead; the events of months that were archived are named by their places (from 1) and problems.';
revoke execute on function tally.ensure_months(jsonb, integer[], timestamptz, interval)
  from public, anon, authenticated;

create function tally.answer_known_event(event jsonb, late_limit interval)
returns jsonb
language plpgsql stable security definer set search_path = ''
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_checked tally.checked_event :=
    tally.check_event(answer_known_event.event, now(), answer_known_event.late_limit);
  v_problem jsonb :=
    coalesce(v_checked.problem, tally.refusal_of((v_checked.event).organization_id));
  v_key text := (v_checked.event).idempotency_key;
begin
  if v_problem is not null then
    return v_problem;
  elsif v_key is not null and not exists (
    select from tally.idempotency_keys as k
    where k.organization_id = (v_checked.event).organization_id and k.idempotency_key = v_key
  ) or (tally.answer_replay(v_checked)).status = 'conflict' then
    -- A key that names nothing yet comes with the id of an event that was recorded without it.
    return jsonb_build_object('code', 'PT409', 'field', 'id',
      'message', 'This id or idempotency_key already names another event.');
  end if;
  return null;
end;
$$;
comment on function tally.answer_known_event(jsonb, interval) is
  'What is wrong with an event whose id or key is recorded already; null: it is a duplicate.';
revoke execute on function tally.answer_known_event(jsonb, interval)
  from public, anon, authenticated;

create function tally.record_batch(events jsonb, late_limit interval default null)
returns jsonb
language plpgsql volatile security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_events jsonb := record_batch.events;
  v_skipped integer[] := '{}'::integer[];
  v_known integer[] := '{}'::integer[];
  v_repeated integer[] := '{}'::integer[];
  v_has_months boolean := false;
  v_found record;
  v_written record;
  v_recorded integer := 0;
  v_duplicates integer := 0;
  v_rejected jsonb := '[]'::jsonb;
begin
  if jsonb_typeof(record_batch.events) is distinct from 'array' then
    perform tally.fail('PT400', 'events must be a JSON array.', 'events',
      'For one event there is track_usage().');
  elsif jsonb_array_length(record_batch.events) > 10000 then
    perform tally.fail('PT400', 'A batch may hold at most 10000 events.', 'events',
      'Send batches of 500.');
  end if;
  -- Nearly always one round. What cannot go with the others is taken out, and the others are
  -- written again.
  loop
    begin
      v_written := tally.write_events(v_events, v_skipped, now(), record_batch.late_limit);
      v_recorded := v_recorded + v_written.recorded;
      v_rejected := v_rejected || v_written.rejected;
      exit when v_repeated = '{}';
      -- Now that the first of each is written, its twins.
      v_skipped := array(
        select p from generate_series(1, jsonb_array_length(v_events)) as p
        where p <> all (v_repeated));
      v_repeated := '{}'::integer[];
    exception
      when unique_violation then
        -- In a statement of its own, which sees what a concurrent first writer has committed.
        v_found := tally.find_known_events(v_events, v_skipped);
        if v_found.known = '{}' and v_found.repeated = '{}' then
          raise;
        end if;
        v_known := v_known || v_found.known;
        v_repeated := v_repeated || v_found.repeated;
        v_skipped := v_skipped || v_found.known || v_found.repeated;
      when check_violation then
        if v_has_months then
          raise;
        end if;
        v_has_months := true;
        v_found := tally.ensure_months(v_events, v_skipped, now(), record_batch.late_limit);
        v_rejected := v_rejected || v_found.problems;
        v_skipped := v_skipped || v_found.places;
      when data_exception or invalid_parameter_value or datatype_mismatch then
        -- Some value has the wrong type; which one, each event says.
        select array_agg(e.place) as places,
          jsonb_agg(jsonb_build_object('index', e.place - 1) || c.problem) as problems
        into v_found
        from jsonb_array_elements(v_events) with ordinality as e (raw, place)
        cross join lateral tally.check_event(e.raw, now(), record_batch.late_limit) as c
        where e.place <> all (v_skipped) and c.problem is not null;
        if v_found.places is null then
          raise;
        end if;
        v_rejected := v_rejected || v_found.problems;
        v_skipped := v_skipped || v_found.places;
        select jsonb_agg(
          case when e.place = any (v_found.places) then '{}' else e.raw end order by e.place)
        into v_events
        from jsonb_array_elements(v_events) with ordinality as e (raw, place);
    end;
  end loop;
  if v_known <> '{}' then
    select count(*) filter (where a.problem is null), v_rejected || coalesce(
      jsonb_agg(jsonb_build_object('index', k.place - 1) || a.problem)
        filter (where a.problem is not null), '[]')
    into v_duplicates, v_rejected
    from unnest(v_known) as k (place)
    cross join lateral tally.answer_known_event(
      v_events -> (k.place - 1), record_batch.late_limit) as a (problem);
  end if;
  if v_rejected <> '[]' then
    select jsonb_agg(r order by (r -> 'index')::integer) into v_rejected
    from jsonb_array_elements(v_rejected) as r;
  end if;
  return jsonb_build_object(
    'recorded', v_recorded, 'duplicates', v_duplicates, 'rejected', v_rejected);
end;
$$;
comment on function tally.record_batch(jsonb, interval) is
  'Records an array of events, which may be as old as late_limit (null: the setting).';
revoke execute on function tally.record_batch(jsonb, interval) from public, anon, authenticated;

create function tally.track_usage_batch(events jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
begin
  return tally.record_batch(track_usage_batch.events);
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

create function tally.import_usage(events jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform tally.require_operator('import usage');
  return tally.record_batch(import_usage.events, interval '100 years');
end;
$$;
comment on function tally.import_usage(jsonb) is 'Behind public.import_usage.';
revoke execute on function tally.import_usage(jsonb) from public, anon, authenticated;
grant execute on function tally.import_usage(jsonb) to service_role;

create function public.import_usage(events jsonb)
returns jsonb
language plpgsql volatile security invoker set search_path = ''
as $$
begin
  return tally.import_usage(import_usage.events);
end;
$$;
comment on function public.import_usage(jsonb) is
  'track_usage_batch for usage of any age (operator): the partitions of its months are made. What was recorded before comes back as a duplicate, so an import that stopped halfway is run again.';
revoke execute on function public.import_usage(jsonb) from public, anon, authenticated;
grant execute on function public.import_usage(jsonb) to service_role;

create function tally.import_staged()
returns integer
language plpgsql volatile security definer set search_path = '' set jit = off
as $$
begin
  perform tally.require_operator('import usage');
  return (tally.write_events(null, '{}'::integer[], now(), interval '100 years')).recorded;
end;
$$;
comment on function tally.import_staged() is
  'import_usage for the events that this session has copied into its temporary table staged_events (of tally.event): all or none. Raises unless every one is plain and new, and its month has a partition; then import_usage() takes them.';
revoke execute on function tally.import_staged() from public, anon, authenticated;
