-- Executions as callers see them: logged, looked at, deleted.

create function tally.log_execution(execution jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  x public.executions := tally.write_execution(log_execution.execution);
begin
  return jsonb_build_object('id', x.id, 'organization_id', x.organization_id,
    'package_id', x.package_id,
      'status', x.status, 'created_at', x.created_at, 'queue_time_ms', x.queue_time_ms,
      'duration_ms', x.duration_ms)
    || (
      select to_jsonb(u) - 'first_event_at' - 'last_event_at'
      from tally.usage_of_execution(x.organization_id, x.id) as u
    );
end;
$$;
comment on function tally.log_execution(jsonb) is 'Behind public.log_execution.';
revoke execute on function tally.log_execution(jsonb) from public, anon, authenticated;
grant execute on function tally.log_execution(jsonb) to authenticated, service_role;

create function public.log_execution(execution jsonb)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.log_execution(log_execution.execution)
$$;
comment on function public.log_execution(jsonb) is
  'Logs a run, or what is newly said of it under the same id: {id, status, …, request_count, total_tokens, total_cost_usd}, tokens and cost from the events that name it by execution_id. Keys: the columns of executions; organization_id and package_name (or package_id) are required, status is success when absent. A repeated call changes nothing. Errors: PT400, PT403, PT404, PT409.';
revoke execute on function public.log_execution(jsonb) from public, anon, authenticated;
grant execute on function public.log_execution(jsonb) to authenticated, service_role;

create function tally.find_execution(id uuid)
returns public.executions
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_found public.executions;
begin
  -- Two organizations may use one id; a caller who sees both gets the latest.
  select x.* into v_found
  from public.executions as x
  where x.id = find_execution.id
    and (tally.is_operator()
      or x.organization_id = any (array(select tally.organizations_of((select auth.uid())))))
  order by x.created_at desc, x.organization_id
  limit 1;
  if v_found.id is null or v_found.deleted_at is not null and not tally.is_operator()
    and coalesce(tally.role_in(auth.uid(), v_found.organization_id), 'member') = 'member' then
    -- One answer for a foreign and for an unknown execution: ids cannot be probed.
    perform tally.fail('PT404', format('There is no execution %s that you may see.',
      find_execution.id), 'id');
  end if;
  return v_found;
end;
$$;
comment on function tally.find_execution(uuid) is
  'An execution that the caller may see, deleted ones for admins only; raises PT404 otherwise.';
revoke execute on function tally.find_execution(uuid) from public, anon, authenticated;

create function tally.execution_details(id uuid, max_events integer)
returns jsonb
language plpgsql stable security definer set search_path = '' set enable_seqscan = off
as $$
declare
  x public.executions := tally.find_execution(execution_details.id);
  v_usage jsonb;
  v_events jsonb;
begin
  if execution_details.max_events not between 0 and 10000 then
    perform tally.fail('PT400', 'max_events must be from 0 to 10000.', 'max_events');
  end if;
  select to_jsonb(u) into v_usage from tally.usage_of_execution(x.organization_id, x.id) as u;
  select coalesce(jsonb_agg(e.event order by e.created_at, e.id), '[]') into v_events
  from (
    select u.created_at, u.id, to_jsonb(u) - 'organization_id' - 'execution_id'
      || jsonb_build_object('cost_usd', (
      select case when u.cost_usd is null and count(a.id) = 0 then null
        else coalesce(u.cost_usd, 0) + coalesce(sum(a.delta_usd), 0) end
      from public.cost_adjustments as a
      where a.organization_id = u.organization_id and a.event_id = u.id)) as event
    from public.token_usage as u
    where u.organization_id = x.organization_id
      and u.created_at >= (v_usage ->> 'first_event_at')::timestamptz
      and u.created_at <= (v_usage ->> 'last_event_at')::timestamptz
      and u.execution_id = x.id
    order by u.created_at, u.id
    limit execution_details.max_events
  ) as e;
  return to_jsonb(x) || v_usage || jsonb_build_object('events', v_events);
end;
$$;
comment on function tally.execution_details(uuid, integer) is 'Behind public.execution_details.';
revoke execute on function tally.execution_details(uuid, integer) from public, anon, authenticated;
grant execute on function tally.execution_details(uuid, integer) to authenticated, service_role;

create function public.execution_details(id uuid, max_events integer default 1000)
returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select tally.execution_details(execution_details.id, execution_details.max_events)
$$;
comment on function public.execution_details(uuid, integer) is
  'One execution: every column, input and output data included, request_count, tokens, total_cost_usd and its events in their order (the first max_events), each at its cost after re-rating. Errors: PT404 when there is none that you may see.';
revoke execute on function public.execution_details(uuid, integer) from public, anon, authenticated;
grant execute on function public.execution_details(uuid, integer) to authenticated, service_role;

create function tally.delete_execution(id uuid)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  x public.executions := tally.find_execution(delete_execution.id);
begin
  perform tally.require_admin(x.organization_id);
  update public.executions as e
  set deleted_at = now(), deleted_by = auth.uid(), deleted_as = tally.acting_role()
  where e.organization_id = x.organization_id and e.id = x.id and e.deleted_at is null;
  return (
    select jsonb_build_object('id', e.id, 'deleted_at', e.deleted_at, 'deleted_by', e.deleted_by)
    from public.executions as e
    where e.organization_id = x.organization_id and e.id = x.id
  );
end;
$$;
comment on function tally.delete_execution(uuid) is 'Behind public.delete_execution.';
revoke execute on function tally.delete_execution(uuid) from public, anon, authenticated;
grant execute on function tally.delete_execution(uuid) to authenticated, service_role;

create function public.delete_execution(id uuid)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.delete_execution(delete_execution.id)
$$;
comment on function public.delete_execution(uuid) is
  'Hides an execution from lists and members (admins): {id, deleted_at, deleted_by}. Its row, who deleted it and when, its events and its place in statistics stay; a second call keeps the first answer. Errors: PT403, PT404.';
revoke execute on function public.delete_execution(uuid) from public, anon, authenticated;
grant execute on function public.delete_execution(uuid) to authenticated, service_role;
