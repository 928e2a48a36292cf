-- Batches: many events in one call; good ones land, bad ones are named.

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
