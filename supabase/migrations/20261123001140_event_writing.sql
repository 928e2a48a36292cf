-- Writing many events: checked, priced and recorded in one statement.

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
