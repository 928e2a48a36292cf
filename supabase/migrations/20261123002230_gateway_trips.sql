-- Calls through the gateway that come together: one statement admits several, one settles several.

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

create function tally.take_gateway_call(is_settlement boolean, call jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  c alias for call;
  v_message text;
  v_detail text;
  v_hint text;
begin
  return case when take_gateway_call.is_settlement
    then tally.settle_gateway_call((c ->> 0)::uuid, c -> 1, c -> 2)
    else tally.admit_gateway_call(c -> 0, c -> 1) end;
exception when others then
  if not tally.is_about_call(sqlstate) then
    raise;
  end if;
  get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail,
    v_hint = pg_exception_hint;
  return jsonb_build_object('error', jsonb_build_object('code', sqlstate,
    'message', v_message, 'detail', v_detail, 'hint', v_hint));
end;
$$;
comment on function tally.take_gateway_call(boolean, jsonb) is
  'Admits one call of several, [request, call], or settles it, [hold_id, event, more]: the answer, or {error: {code, message, detail, hint}} for what is wrong with this one; nothing of it has happened then.';
revoke execute on function tally.take_gateway_call(boolean, jsonb)
  from public, anon, authenticated;

create function tally.admit_gateway_calls(calls jsonb)
returns setof jsonb
language plpgsql volatile security definer set search_path = '' set jit = off
  set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
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
  return query
  select tally.take_gateway_call(false, c.value)
  from jsonb_array_elements(admit_gateway_calls.calls) with ordinality as c (value, place)
  order by c.place;
end;
$$;
comment on function tally.admit_gateway_calls(jsonb) is
  'Admits calls through the gateway, [[request, call], …], in their order: an answer of tally.admit_gateway_call each, or {error: {code, message, detail, hint}}. Those of one caller to one model are admitted together where all of them fit.';
revoke execute on function tally.admit_gateway_calls(jsonb) from public, anon, authenticated;
grant execute on function tally.admit_gateway_calls(jsonb) to service_role;

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
begin
  v_answers := array(
    select s from tally.settle_open_holds(settle_gateway_calls.calls) as s
    where tally.is_operator());
  -- The others one by one, in the order of their holds: what is wrong with one is its own.
  return query
  select a.id, a.cost_usd, a.remaining, a.error
  from (
    select s.* from unnest(v_answers) as s
    union all
    select o.place, t.id, t.cost_usd, t.remaining, t.error
    from (
      select c.place, tally.take_gateway_call(true, c.value) as answer
      from (
        select * from jsonb_array_elements(settle_gateway_calls.calls)
          with ordinality as c (value, place)
        where cardinality(v_answers) < jsonb_array_length(settle_gateway_calls.calls)
          and c.place not in (select s.place from unnest(v_answers) as s)
        order by c.value ->> 0, c.place
        offset 0
      ) as c
      offset 0
    ) as o
    cross join lateral jsonb_to_record(o.answer)
      as t (id uuid, cost_usd numeric, remaining numeric, error jsonb)
  ) as a
  order by a.place;
end;
$$;
comment on function tally.settle_gateway_calls(jsonb) is
  'Settles calls through the gateway, [[hold_id, event, more], …]: in their order, an answer of tally.settle_gateway_call each, or the error {code, message, detail, hint}. Those that are as usual are settled together.';
revoke execute on function tally.settle_gateway_calls(jsonb) from public, anon, authenticated;
grant execute on function tally.settle_gateway_calls(jsonb) to service_role;
