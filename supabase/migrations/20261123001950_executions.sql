-- Executions: runs of agents. What a run used is in its events, which name it by execution_id; here
-- is what it was: package, status, data, times.

create table public.executions (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  id uuid not null,
  package_id text not null,
  package_name text not null,
  status text not null,
  user_id uuid,
  api_key_id uuid,
  customer_tier text,
  pricing_model text,
  model text,
  is_byok boolean not null,
  queue_time_ms bigint,
  duration_ms bigint,
  error text,
  input_data jsonb,
  output_data jsonb,
  metadata jsonb,
  created_at timestamptz not null,
  started_at timestamptz,
  completed_at timestamptz,
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  deleted_by uuid,
  deleted_as text,
  primary key (organization_id, id),
  constraint package_is_named check (btrim(package_id) <> '' and btrim(package_name) <> ''),
  constraint status_of_an_execution_is_known check (
    status in ('queued', 'running', 'success', 'failed', 'timeout', 'aborted')
  ),
  constraint times_are_not_negative check (queue_time_ms >= 0 and duration_ms >= 0),
  constraint created_to_the_millisecond check (created_at = date_trunc('milliseconds',
    created_at, 'UTC')),
  constraint what_is_deleted_says_as_whom check ((deleted_at is null) = (deleted_as is null))
);
comment on table public.executions is
  'Runs of agents, written by log_execution. Tokens and cost are those of the events that name the run: see execution_summary and execution_details().';
comment on column public.executions.package_id is
  'What was run; statistics go by it, so that a package may be renamed.';
comment on column public.executions.created_at is
  'When the run was asked for, to the millisecond. Pages: order by created_at, id; next page: created_at <= last and (created_at < last or id < last id).';
comment on column public.executions.queue_time_ms is 'From asked for to started.';
comment on column public.executions.duration_ms is 'From started to completed.';
comment on column public.executions.deleted_by is 'Which user deleted it; null: the operator.';
comment on column public.executions.deleted_as is 'The database role of the one who deleted it.';
create index executions_by_time on public.executions (organization_id, created_at desc, id desc);
create index executions_by_package on public.executions (organization_id, package_id,
  created_at desc, id desc);
create index executions_not_successful on public.executions (organization_id, status,
  created_at desc, id desc)
  where status <> 'success';
create index executions_by_id on public.executions (id);

alter table public.executions enable row level security;
revoke all on public.executions from anon, authenticated, service_role;
grant select on public.executions to authenticated, service_role;
create policy "members read the executions of their organizations" on public.executions
  for select to authenticated
  using (deleted_at is null
    and organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create table tally.changed_executions (
  organization_id uuid not null,
  seq bigint generated always as identity,
  execution_id uuid not null,
  primary key (organization_id, seq)
);
comment on table tally.changed_executions is
  'Executions that statistics of packages do not count yet as they are now: appended by log_execution, consumed by the fold.';
alter table tally.changed_executions enable row level security;
revoke all on tally.changed_executions from anon, authenticated, service_role;

create function tally.status_rank(status text)
returns integer
language sql immutable security invoker set search_path = ''
as $$
  select case status_rank.status when 'queued' then 0 when 'running' then 1 else 2 end
$$;
comment on function tally.status_rank(text) is
  'How far an execution has come: 0 queued, 1 running, 2 ended.';
revoke execute on function tally.status_rank(text) from public, anon, authenticated;

create function tally.read_execution(execution jsonb)
returns public.executions
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_execution public.executions;
  v_key text;
  v_value jsonb;
begin
  if jsonb_typeof(read_execution.execution) is distinct from 'object' then
    perform tally.fail('PT400', 'An execution must be a JSON object.', 'execution');
  end if;
  for v_key, v_value in select e.key, e.value from jsonb_each(read_execution.execution) as e
    order by e.key loop
    if v_key <> all (array['organization_id', 'id', 'package_id', 'package_name', 'status',
      'user_id', 'api_key_id', 'customer_tier', 'pricing_model', 'model', 'is_byok',
      'queue_time_ms', 'duration_ms', 'error', 'input_data', 'output_data', 'metadata',
      'created_at', 'started_at', 'completed_at']) then
      perform tally.fail('PT400', format('%s is not a field of an execution.', v_key), v_key,
        'Fields: the columns of executions; tokens and cost come from the events that name it.');
    elsif v_key in ('input_data', 'output_data') and octet_length(v_value::text) > 1048576 then
      perform tally.fail('PT400', format('%s may have at most 1 MB.', v_key), v_key,
        'Keep a reference to it instead.');
    elsif v_key = 'metadata'
      and (jsonb_typeof(v_value) not in ('object', 'null')
        or octet_length(v_value::text) > 16384) then
      perform tally.fail('PT400', 'metadata must be an object of at most 16 KB.', v_key);
    elsif v_key not in ('input_data', 'output_data', 'metadata')
      and (jsonb_typeof(v_value) in ('object', 'array')
        or length(v_value #>> '{}') > case v_key when 'error' then 16384 else 256 end) then
      perform tally.fail('PT400', format('%s must be a single value of at most %s characters.',
        v_key,
        case v_key when 'error' then 16384 else 256 end), v_key);
    end if;
    begin
      v_execution := jsonb_populate_record(v_execution, jsonb_build_object(v_key, v_value));
    exception when data_exception or datatype_mismatch then
      perform tally.fail('PT400', format('%s cannot be %s.', v_key, left(v_value::text, 80)), v_key,
        'Ids are uuids, times like 2026-11-23T09:30:00Z, durations whole milliseconds.');
    end;
  end loop;
  -- A JSON null in a field of data says nothing, like an absent one.
  v_execution.input_data := nullif(v_execution.input_data, 'null');
  v_execution.output_data := nullif(v_execution.output_data, 'null');
  v_execution.created_at := date_trunc('milliseconds', v_execution.created_at, 'UTC');
  return v_execution;
end;
$$;
comment on function tally.read_execution(jsonb) is
  'Reads what a caller says of an execution; raises PT400 with the name of a field that is unknown, too long or of the wrong kind.';
revoke execute on function tally.read_execution(jsonb) from public, anon, authenticated;

create function tally.check_execution(execution public.executions, at timestamptz)
returns void
language plpgsql stable security definer set search_path = ''
as $$
declare
  x public.executions := check_execution.execution;
  v_field text := (
    select min(t.field)
    from (values ('created_at', x.created_at), ('started_at', x.started_at),
      ('completed_at', x.completed_at)) as t (field, moment)
    cross join tally.settings as s
    where t.moment not between timestamptz '2000-01-01 00:00:00+00'
      and check_execution.at + s.event_early_limit
  );
begin
  if x.status not in ('queued', 'running', 'success', 'failed', 'timeout', 'aborted') then
    perform tally.fail('PT400', format('status cannot be %L.', x.status), 'status',
      'Use queued, running, success, failed, timeout or aborted.');
  elsif btrim(x.package_id) = '' or btrim(x.package_name) = '' then
    v_field := case when btrim(x.package_id) = '' then 'package_id' else 'package_name' end;
    perform tally.fail('PT400', format('%s must not be blank.', v_field), v_field);
  elsif least(x.queue_time_ms, x.duration_ms) < 0 then
    v_field := case when x.queue_time_ms < 0 then 'queue_time_ms' else 'duration_ms' end;
    perform tally.fail('PT400', format('%s must be zero or more.', v_field), v_field);
  elsif v_field is not null then
    perform tally.fail('PT400',
      format('%s must be in this century and not ahead of the clock.', v_field), v_field);
  elsif x.completed_at < x.started_at then
    perform tally.fail('PT400', 'completed_at must not be before started_at.', 'completed_at');
  elsif tally.is_operator() then
    return;
  elsif x.api_key_id is not null then
    perform tally.fail('PT403', 'api_key_id is set by the server that checked the key.',
      'api_key_id');
  elsif x.user_id <> auth.uid() then
    perform tally.fail('PT403', 'You may log your own executions only.', 'user_id',
      'Use the secret key on a server to log for others.');
  end if;
end;
$$;
comment on function tally.check_execution(public.executions, timestamptz) is
  'Raises PT400 for what an execution cannot be, PT403 for what the caller may not say of it. Fields that were not given are not looked at.';
revoke execute on function tally.check_execution(public.executions, timestamptz)
  from public, anon, authenticated;

create function tally.merge_execution(present public.executions, said public.executions)
returns public.executions
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_old jsonb := (
    select jsonb_object_agg(e.key, e.value)
    from jsonb_each(to_jsonb(merge_execution.present)) as e where e.value <> 'null');
  v_new jsonb := (
    select coalesce(jsonb_object_agg(e.key, e.value), '{}')
    from jsonb_each(to_jsonb(merge_execution.said)) as e where e.value <> 'null');
  v_fixed text[] := array['organization_id', 'id', 'package_id', 'created_at', 'user_id',
    'api_key_id'];
  v_conflict text;
begin
  if tally.status_rank((merge_execution.present).status) = 2 then
    if tally.status_rank((merge_execution.said).status) < 2 then
      -- An earlier word that arrives late: it may add, not take back.
      v_new := (
        select coalesce(jsonb_object_agg(e.key, e.value), '{}') from jsonb_each(v_new) as e
          where not v_old ? e.key);
    else
      v_fixed := array(select k from jsonb_object_keys(v_new) as k);
    end if;
  elsif tally.status_rank((merge_execution.said).status)
    < tally.status_rank((merge_execution.present).status) then
    v_new := v_new - 'status';
  end if;
  select min(e.key) into v_conflict
  from jsonb_each(v_new) as e
  where e.key = any (v_fixed) and v_old ? e.key and v_old -> e.key <> e.value;
  if v_conflict is not null then
    perform tally.fail('PT409',
      format('Execution %s already has another %s.', (merge_execution.present).id, v_conflict),
      v_conflict, 'Send a retry unchanged; log a new run under a new id.');
  end if;
  return jsonb_populate_record(merge_execution.present, v_new);
end;
$$;
comment on function tally.merge_execution(public.executions, public.executions) is
  'An execution with what is newly said of it. A status only moves forward; what has ended can be added to, not changed (PT409).';
revoke execute on function tally.merge_execution(public.executions, public.executions)
  from public, anon, authenticated;

create function tally.time_execution(execution public.executions, at timestamptz)
returns public.executions
language plpgsql stable security invoker set search_path = ''
as $$
declare
  x public.executions := time_execution.execution;
begin
  if x.started_at is null and x.status = 'running' then
    x.started_at := time_execution.at;
  elsif x.completed_at is null and x.started_at is not null and tally.status_rank(x.status) = 2 then
    x.completed_at := greatest(time_execution.at, x.started_at);
  end if;
  if x.queue_time_ms is null and x.started_at is not null then
    x.queue_time_ms := greatest(0, floor(extract(epoch from x.started_at - x.created_at) * 1000));
  end if;
  if x.duration_ms is null and x.completed_at is not null and x.started_at is not null then
    x.duration_ms := greatest(0, floor(extract(epoch from x.completed_at - x.started_at) * 1000));
  end if;
  return x;
end;
$$;
comment on function tally.time_execution(public.executions, timestamptz) is
  'An execution with the moments and times that nobody said: it starts when it is first running, ends when its end is logged.';
revoke execute on function tally.time_execution(public.executions, timestamptz)
  from public, anon, authenticated;

create function tally.write_execution(execution jsonb)
returns public.executions
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_said public.executions := tally.read_execution(write_execution.execution);
  v_present public.executions;
  v_new public.executions;
begin
  perform tally.require_recorder(v_said.organization_id);
  perform tally.check_execution(v_said, now());
  if v_said.id is not null then
    select x.* into v_present
    from public.executions as x
    where x.organization_id = v_said.organization_id and x.id = v_said.id
    for no key update;
  end if;
  if v_present.id is null then
    v_new := v_said;
    v_new.package_id := coalesce(v_said.package_id, v_said.package_name);
    v_new.package_name := coalesce(v_said.package_name, v_said.package_id);
    if v_new.package_id is null then
      perform tally.fail('PT400', 'package_name is missing.', 'package_name',
        'Say what was run: package_id, package_name or both.');
    end if;
    v_new.id := coalesce(v_said.id, tally.uuid_v7(now()));
    v_new.status := coalesce(v_said.status, 'success');
    v_new.user_id := coalesce(v_said.user_id, auth.uid());
    v_new.is_byok := coalesce(v_said.is_byok, false);
    v_new.created_at := coalesce(v_said.created_at, date_trunc('milliseconds', now(), 'UTC'));
    v_new.updated_at := now();
    v_new := tally.time_execution(v_new, now());
    insert into public.executions select (v_new).* on conflict (organization_id, id) do nothing;
    if not found then
      -- Another call has just logged it: what this one says is merged into that.
      return tally.write_execution(write_execution.execution);
    end if;
  else
    if not tally.is_operator() and v_present.user_id is distinct from auth.uid() then
      perform tally.fail('PT403', 'You may log your own executions only.', 'id',
        'Use the secret key on a server to log for others.');
    end if;
    v_new := tally.time_execution(tally.merge_execution(v_present, v_said), now());
    if v_new is not distinct from v_present then
      return v_present;
    end if;
    v_new.updated_at := now();
    update public.executions as x
    set package_name = v_new.package_name, status = v_new.status,
      customer_tier = v_new.customer_tier, pricing_model = v_new.pricing_model, model = v_new.model,
      is_byok = v_new.is_byok, queue_time_ms = v_new.queue_time_ms, duration_ms = v_new.duration_ms,
      error = v_new.error, input_data = v_new.input_data, output_data = v_new.output_data,
      metadata = v_new.metadata, user_id = v_new.user_id, api_key_id = v_new.api_key_id,
      started_at = v_new.started_at, completed_at = v_new.completed_at,
      updated_at = v_new.updated_at
    where x.organization_id = v_new.organization_id and x.id = v_new.id;
  end if;
  insert into tally.changed_executions (organization_id, execution_id)
    values (v_new.organization_id, v_new.id);
  -- So that the next tick folds this organization.
  insert into tally.usage_deltas (organization_id, due_at, is_beyond_hold)
    values (v_new.organization_id, now(), false);
  return v_new;
end;
$$;
comment on function tally.write_execution(jsonb) is
  'Writes a new execution, or what is newly said of a known one; returns it as it is then.';
revoke execute on function tally.write_execution(jsonb) from public, anon, authenticated;
