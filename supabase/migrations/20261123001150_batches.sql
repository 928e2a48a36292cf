-- Batches: many events in one call; good ones land, bad ones are named.

create function tally.write_events(
  events tally.checked_event[], refused uuid[], out recorded integer, out replayed integer[])
language plpgsql volatile security definer set search_path = '' set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_has_keys boolean;
  v_needs_model boolean;
  v_eligible integer;
  v_claimed uuid[];
  v_written uuid[];
begin
  select count(*), bool_or((c.event).idempotency_key is not null), bool_or(c.price_id is null or c.priced_model <> (c.event).model)
  into v_eligible, v_has_keys, v_needs_model
  from unnest(write_events.events) as c
  where c.problem is null and (c.event).organization_id <> all (write_events.refused);
  perform tally.ensure_month(m.month)
  from (
    select distinct date_trunc('month', (c.event).created_at, 'UTC') as month
    from unnest(write_events.events) as c
    where c.problem is null
  ) as m;
  if v_needs_model then
    perform tally.remember_model(m.provider, m.model)
    from (
      select distinct (c.event).provider, (c.event).model
      from unnest(write_events.events) as c
      where c.problem is null and (c.price_id is null or c.priced_model <> (c.event).model)
      order by 1, 2
    ) as m;
  end if;
  if v_has_keys then
    with claimed as (
      insert into tally.idempotency_keys as k (organization_id, idempotency_key, event_id)
      select (c.event).organization_id, (c.event).idempotency_key, (c.event).id
      from unnest(write_events.events) with ordinality
        as c (event, price_id, priced_model, states_id, states_time, states_cost, problem, place)
      where c.problem is null and (c.event).organization_id <> all (write_events.refused)
        and (c.event).idempotency_key is not null
      order by (c.event).organization_id, (c.event).idempotency_key, c.place
      on conflict do nothing
      returning k.event_id
    )
    select array_agg(c.event_id) into v_claimed from claimed as c;
  end if;

  -- One statement, rows in the order of their key: the events and their effect land together or not at all.
  with written as (
    insert into public.token_usage as u (organization_id, id, created_at, input_tokens, output_tokens, price_id,
      user_id, api_key_id, execution_id, duration_ms, is_estimated, is_byok, provider, model, tool_name,
      operation, resource_type, service_tier, status, session_id, workflow_id, idempotency_key, unit_type,
      units, cost_usd, classes, request_metadata)
    select (c.event).organization_id, (c.event).id, (c.event).created_at, (c.event).input_tokens,
      (c.event).output_tokens, c.price_id, (c.event).user_id, (c.event).api_key_id, (c.event).execution_id,
      (c.event).duration_ms, (c.event).is_estimated, (c.event).is_byok, (c.event).provider, (c.event).model,
      (c.event).tool_name, (c.event).operation, (c.event).resource_type, (c.event).service_tier, (c.event).status,
      (c.event).session_id, (c.event).workflow_id, (c.event).idempotency_key, (c.event).unit_type, (c.event).units,
      (c.event).cost_usd, (c.event).classes, (c.event).request_metadata
    from unnest(write_events.events) as c
    where c.problem is null and (c.event).organization_id <> all (write_events.refused)
      and ((c.event).idempotency_key is null or (c.event).id = any (v_claimed))
    order by (c.event).organization_id, (c.event).created_at, (c.event).id
    on conflict (organization_id, created_at, id) do nothing
    returning u.organization_id, u.created_at, u.id
  ),
  counted as (
    insert into tally.usage_deltas (organization_id, due_at, event_ids, event_times, is_beyond_hold)
    select w.organization_id, max(w.created_at), array_agg(w.id), array_agg(w.created_at), true
    from written as w
    group by w.organization_id
  )
  select count(*), array_agg(w.id) into recorded, v_written from written as w;

  if recorded < v_eligible then
    select array_agg(e.place order by e.place) into replayed
    from (
      select c.place, c.problem, (c.event).id, (c.event).organization_id,
        row_number() over (partition by (c.event).organization_id, (c.event).id order by
          (c.event).idempotency_key is not null and (c.event).id <> all (coalesce(v_claimed, '{}')), c.place) as nth
      from unnest(write_events.events) with ordinality
        as c (event, price_id, priced_model, states_id, states_time, states_cost, problem, place)
      where c.problem is null and (c.event).organization_id <> all (write_events.refused)
    ) as e
    where e.nth > 1 or e.id <> all (coalesce(v_written, '{}'));
  end if;
end;
$$;
comment on function tally.write_events(tally.checked_event[], uuid[]) is
  'Writes checked events with their keys and their deltas: how many were recorded, and the places (from 1) of those that were there already. Events with a problem or of a refused organization are left out.';
revoke execute on function tally.write_events(tally.checked_event[], uuid[]) from public, anon, authenticated;

create function tally.refused_organizations(events tally.checked_event[])
returns jsonb
language plpgsql stable security definer set search_path = '' set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_is_operator boolean := tally.is_operator();
  v_organization uuid;
  v_refusals jsonb := '{}'::jsonb;
begin
  for v_organization in
    select d.id
    from (
      select distinct (c.event).organization_id as id
      from unnest(refused_organizations.events) as c
      where c.problem is null
    ) as d
    where not v_is_operator or not exists (select from public.organizations as o where o.id = d.id)
  loop
    begin
      perform tally.require_recorder(v_organization);
    exception when sqlstate 'PT403' or sqlstate 'PT404' then
      v_refusals := v_refusals || jsonb_build_object(v_organization,
        jsonb_build_object('code', sqlstate, 'field', 'organization_id', 'message', sqlerrm));
    end;
  end loop;
  return v_refusals;
end;
$$;
comment on function tally.refused_organizations(tally.checked_event[]) is
  'The organizations that the caller may not record for, each with its error.';
revoke execute on function tally.refused_organizations(tally.checked_event[]) from public, anon, authenticated;

create function tally.record_batch(events jsonb, late_limit interval default null)
returns jsonb
language plpgsql volatile security definer set search_path = '' set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_checked tally.checked_event[];
  v_refusals jsonb;
  v_written record;
  v_rejected jsonb := '[]'::jsonb;
  v_duplicates integer := 0;
  v_place integer;
  v_event tally.event;
begin
  if jsonb_typeof(record_batch.events) is distinct from 'array' then
    perform tally.fail('PT400', 'events must be a JSON array.', 'events', 'For one event there is track_usage().');
  elsif jsonb_array_length(record_batch.events) > 10000 then
    perform tally.fail('PT400', 'A batch may hold at most 10000 events.', 'events', 'Send batches of 500.');
  end if;
  v_checked := tally.check_events(record_batch.events, now(), record_batch.late_limit);
  v_refusals := tally.refused_organizations(v_checked);
  v_written := tally.write_events(v_checked, array(select jsonb_object_keys(v_refusals)::uuid));
  if v_written.recorded + cardinality(coalesce(v_written.replayed, '{}')) < cardinality(v_checked) then
    select jsonb_agg(jsonb_build_object('index', c.place - 1)
      || coalesce(c.problem, v_refusals -> ((c.event).organization_id::text)) order by c.place)
    into v_rejected
    from unnest(v_checked) with ordinality
      as c (event, price_id, priced_model, states_id, states_time, states_cost, problem, place)
    where c.problem is not null or v_refusals ? ((c.event).organization_id::text);
  end if;
  -- Asked in a statement of its own, which sees what a concurrent first writer has committed.
  foreach v_place in array coalesce(v_written.replayed, '{}') loop
    if (tally.answer_replay(v_checked[v_place])).status = 'duplicate' then
      v_duplicates := v_duplicates + 1;
    else
      v_event := (v_checked[v_place]).event;
      -- A key that was claimed for an id which turned out to be taken goes back.
      delete from tally.idempotency_keys as k
      using public.token_usage as u
      where k.organization_id = v_event.organization_id and k.idempotency_key = v_event.idempotency_key
        and u.organization_id = k.organization_id and u.created_at = tally.uuid_time(k.event_id) and u.id = k.event_id
        and u.idempotency_key is distinct from k.idempotency_key;
      v_rejected := v_rejected || jsonb_build_object('index', v_place - 1, 'code', 'PT409', 'field', 'id',
        'message', 'This id or idempotency_key already names another event.');
    end if;
  end loop;
  return jsonb_build_object('recorded', v_written.recorded, 'duplicates', v_duplicates, 'rejected', v_rejected);
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
