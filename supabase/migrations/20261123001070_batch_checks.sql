-- A batch of events is checked and priced in one statement. What is plain (stated by the operator, in
-- tokens, at list prices that hold for the whole span of the batch) is done here for all of it at once;
-- every other event goes through tally.check_event, whose answer the plain ones equal.

create function tally.plain_card(
  provider text, model text, service_tier text, starts_at timestamptz, ends_at timestamptz,
  out price_id bigint, out unit_prices jsonb, out priced_model text, out below_tokens bigint)
returns setof record
language plpgsql stable security definer set search_path = '' set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_provider text := plain_card.provider;
  v_cards bigint;
  v_holds boolean;
begin
  priced_model := plain_card.model;
  for v_attempt in 1..2 loop
    select count(*),
      count(*) filter (where e.context_from = 0) = 1 and bool_and(
        e.daily_from is null and e.valid_from <= plain_card.starts_at
        and (e.valid_to is null or e.valid_to > plain_card.ends_at)),
      max(e.id) filter (where e.context_from = 0),
      min(e.context_from) filter (where e.context_from > 0)
    into v_cards, v_holds, price_id, below_tokens
    from public.cost_estimates as e
    where e.provider = v_provider
      and e.model = priced_model
      and e.service_tier = plain_card.service_tier
      and e.organization_id is null
      and e.withdrawn_at is null
      and e.valid_from <= plain_card.ends_at
      and (e.valid_to is null or e.valid_to > plain_card.starts_at);
    exit when v_cards > 0 or v_attempt = 2;
    select r.to_provider, r.to_model into v_provider, priced_model
    from tally.resolve_model(plain_card.provider, plain_card.model) as r;
    exit when not found;
  end loop;
  if v_holds then
    select e.unit_prices into unit_prices from public.cost_estimates as e where e.id = price_id;
    below_tokens := coalesce(below_tokens, 9223372036854775807);
    return next;
  end if;
end;
$$;
comment on function tally.plain_card(text, text, text, timestamptz, timestamptz) is
  'The list card that prices every call of a model in a span of time as long as its prompt has fewer than below_tokens; no row when there is no such card.';
revoke execute on function tally.plain_card(text, text, text, timestamptz, timestamptz) from public, anon, authenticated;

create function tally.plain_factors(organization_ids uuid[], starts_at timestamptz, ends_at timestamptz)
returns table (organization_id uuid, factor numeric)
language plpgsql stable security definer set search_path = '' set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select o.id, coalesce(m.factor, 1)
  from public.organizations as o
  cross join lateral (
    select max(k.factor) as factor, coalesce(bool_and(
      k.provider is null and k.model is null and k.valid_from <= plain_factors.starts_at
      and (k.valid_to is null or k.valid_to > plain_factors.ends_at)), true) as holds
    from public.price_markups as k
    where k.organization_id = o.id
      and k.valid_from <= plain_factors.ends_at
      and (k.valid_to is null or k.valid_to > plain_factors.starts_at)
  ) as m
  where o.id = any (plain_factors.organization_ids)
    and m.holds
    and not exists (select from public.cost_estimates as e where e.organization_id = o.id);
end;
$$;
comment on function tally.plain_factors(uuid[], timestamptz, timestamptz) is
  'Of the given organizations those that pay list prices with at most one factor on everything, for a whole span of time.';
revoke execute on function tally.plain_factors(uuid[], timestamptz, timestamptz) from public, anon, authenticated;

create function tally.check_plain_events(events jsonb, at timestamptz, late_limit interval default null)
returns tally.checked_event[]
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
  v_limits tally.settings;
  v_user_id uuid := auth.uid();
begin
  select s.* into v_limits from tally.settings as s;
  return (
    with stated as materialized (
      select e.*,
        date_trunc('milliseconds', coalesce(
          timestamptz 'epoch' + ('x' || translate(left(e.id::text, 13), '-', ''))::bit(48)::bigint * interval '1 millisecond',
          e.created_at, check_plain_events.at)) as happened_at,
        coalesce(e.classes, '{}') as given,
        coalesce(e.service_tier, 'standard') as tier
      from rows from (
        jsonb_populate_recordset(null::tally.event, check_plain_events.events),
        jsonb_array_elements(check_plain_events.events)
      ) with ordinality as e (organization_id, id, created_at, provider, model, tool_name, operation, resource_type,
        service_tier, status, user_id, api_key_id, execution_id, session_id, workflow_id, input_tokens, output_tokens,
        classes, units, unit_type, cost_usd, duration_ms, is_estimated, is_byok, idempotency_key, request_metadata,
        raw, place)
    ),
    span as (
      select min(s.happened_at) as starts_at, max(s.happened_at) as ends_at from stated as s
    ),
    cards as materialized (
      select m.provider, m.model, m.tier, c.price_id, c.priced_model, c.below_tokens,
        (c.unit_prices -> 'input')::numeric as input_price,
        (c.unit_prices -> 'cache_read')::numeric as cache_read_price,
        (c.unit_prices -> 'cache_write')::numeric as cache_write_price,
        (c.unit_prices -> 'output')::numeric as output_price,
        (c.unit_prices -> 'reasoning')::numeric as reasoning_price
      from (select distinct s.provider, s.model, s.tier from stated as s) as m
      cross join span
      cross join lateral tally.plain_card(m.provider, m.model, m.tier, span.starts_at, span.ends_at) as c
    ),
    factors as materialized (
      select f.organization_id, f.factor
      from span
      cross join lateral tally.plain_factors(
        array(select distinct s.organization_id from stated as s), span.starts_at, span.ends_at) as f
    ),
    counted as (
      select s.*, f.factor, c.price_id, c.priced_model, c.below_tokens, c.input_price, c.cache_read_price,
        c.cache_write_price, c.output_price, c.reasoning_price,
        (s.given -> 'input')::bigint as given_input,
        (s.given -> 'output')::bigint as given_output,
        coalesce((s.given -> 'cache_read')::bigint, 0) as cache_read,
        coalesce((s.given -> 'cache_write')::bigint, 0) as cache_write,
        coalesce((s.given -> 'reasoning')::bigint, 0) as reasoning
      from stated as s
      left join cards as c on c.provider = s.provider and c.model = s.model and c.tier = s.tier
      left join factors as f on f.organization_id = s.organization_id
    ),
    judged as (
      -- As tally.complete_quantities: what no class names is plain, and totals follow from the classes.
      select k.*,
        coalesce(k.given_input, k.input_tokens - k.cache_read - k.cache_write, 0) as input,
        coalesce(k.given_output, k.output_tokens - k.reasoning, 0) as output,
        coalesce(k.input_tokens, coalesce(k.given_input, 0) + k.cache_read + k.cache_write) as all_input,
        coalesce(k.output_tokens, coalesce(k.given_output, 0) + k.reasoning) as all_output,
        coalesce(
          k.factor is not null and k.price_id is not null
          and k.raw - '{organization_id,id,created_at,provider,model,tool_name,operation,resource_type,service_tier,status,user_id,execution_id,session_id,workflow_id,input_tokens,output_tokens,classes,duration_ms,is_estimated,is_byok,idempotency_key}'::text[] = '{}'
          and k.given - '{input,cache_read,cache_write,output,reasoning}'::text[] = '{}'
          and k.cache_read >= 0 and k.cache_write >= 0 and k.reasoning >= 0
          and coalesce(k.given_input, 0) >= 0 and coalesce(k.given_output, 0) >= 0
          and (k.input_tokens is not null or k.output_tokens is not null or k.classes is not null)
          and strpos(k.given::text, '.') = 0
          and coalesce(k.input_tokens, 0) between 0 and 1000000000000
          and coalesce(k.output_tokens, 0) between 0 and 1000000000000
          and greatest(k.given_input, k.given_output, k.cache_read, k.cache_write, k.reasoning) <= 1000000000000
          and (k.input_tokens is null
            or k.input_tokens >= coalesce(k.given_input, 0) + k.cache_read + k.cache_write
            and (k.given_input is null or k.input_tokens = k.given_input + k.cache_read + k.cache_write))
          and (k.output_tokens is null
            or k.output_tokens >= coalesce(k.given_output, 0) + k.reasoning
            and (k.given_output is null or k.output_tokens = k.given_output + k.reasoning))
          and coalesce(k.input_tokens, coalesce(k.given_input, 0) + k.cache_read + k.cache_write) < k.below_tokens
          and (k.id is null or substr(k.id::text, 15, 1) = '7'
            and (k.created_at is null or k.happened_at = date_trunc('milliseconds', k.created_at)))
          and k.happened_at between check_plain_events.at
              - coalesce(check_plain_events.late_limit, v_limits.event_late_limit)
            and check_plain_events.at + v_limits.event_early_limit
          and (k.status is null or k.status in ('success', 'failed', 'timeout', 'aborted'))
          and (k.duration_ms is null or k.duration_ms >= 0)
          and (k.idempotency_key is null or length(k.idempotency_key) between 1 and 255)
          -- A text that is long, or may be an object or a list, is looked at one by one.
          and greatest(length(k.provider), length(k.model), length(k.tool_name), length(k.operation),
            length(k.resource_type), length(k.service_tier), length(k.session_id), length(k.workflow_id)) <= 256
          and concat_ws(' ', k.provider, k.model, k.tool_name, k.operation, k.resource_type, k.service_tier, k.session_id,
            k.workflow_id) !~ '[][{}]', false) as is_plain
      from counted as k
    ),
    priced as (
      select j.*, trim_scale(j.factor * (
        case when j.input = 0 then 0 else j.input * j.input_price end
        + case when j.cache_read = 0 then 0 else j.cache_read * j.cache_read_price end
        + case when j.cache_write = 0 then 0 else j.cache_write * j.cache_write_price end
        + case when j.output = 0 then 0 else j.output * j.output_price end
        + case when j.reasoning = 0 then 0 else j.reasoning * j.reasoning_price end)) as price
      from judged as j
    )
    select array_agg(
      case when p.is_plain and p.price is not null then
        row(
          row(p.organization_id, coalesce(p.id, tally.uuid_v7(p.happened_at)), p.happened_at, p.provider, p.model,
            p.tool_name, p.operation, coalesce(p.resource_type, 'token'), p.tier, coalesce(p.status, 'success'),
            coalesce(p.user_id, v_user_id), null, p.execution_id, p.session_id, p.workflow_id, p.all_input,
            p.all_output,
            p.given
              || case when p.given ? 'input' or p.input = 0 then '{}' else jsonb_build_object('input', p.input) end
              || case when p.given ? 'output' or p.output = 0 then '{}' else jsonb_build_object('output', p.output) end,
            null, null, p.price, p.duration_ms, coalesce(p.is_estimated, false), coalesce(p.is_byok, false),
            p.idempotency_key, null)::tally.event,
          p.price_id, p.priced_model, p.id is not null, coalesce(p.id::text, p.created_at::text) is not null, false, null
        )::tally.checked_event
      else tally.check_event(p.raw, check_plain_events.at, check_plain_events.late_limit) end
      order by p.place)
    from priced as p
  );
end;
$$;
comment on function tally.check_plain_events(jsonb, timestamptz, interval) is
  'tally.check_event for each event of a JSON array. Raises when a value has the wrong type.';
revoke execute on function tally.check_plain_events(jsonb, timestamptz, interval) from public, anon, authenticated;

create function tally.check_events(events jsonb, at timestamptz, late_limit interval default null)
returns tally.checked_event[]
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_generic_plan
as $$
begin
  if tally.is_operator() then
    begin
      return tally.check_plain_events(check_events.events, check_events.at, check_events.late_limit);
    exception when data_exception or invalid_parameter_value or datatype_mismatch then
      -- Some value has the wrong type; which one, each event says below.
    end;
  end if;
  return array(
    select tally.check_event(e.raw, check_events.at, check_events.late_limit)
    from jsonb_array_elements(check_events.events) with ordinality as e (raw, place)
    order by e.place
  );
end;
$$;
comment on function tally.check_events(jsonb, timestamptz, interval) is
  'Reads a JSON array of events: each checked, made whole and priced, in its order.';
revoke execute on function tally.check_events(jsonb, timestamptz, interval) from public, anon, authenticated;
