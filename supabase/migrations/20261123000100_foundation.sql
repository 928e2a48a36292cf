-- Schemas, identity of the caller, time-ordered ids, errors and settings: what every later file
-- uses.

create schema if not exists extensions;
create extension if not exists btree_gist with schema extensions;

-- Private: definer functions, deltas, keys. Never list it among the exposed API schemas.
create schema tally;
revoke all on schema tally from public;
grant usage on schema tally to authenticated, service_role;

create function tally.fail(code text, message text, detail text default null,
  hint text default null)
returns void
language plpgsql volatile security invoker set search_path = ''
as $$
begin
  raise exception using
    errcode = fail.code,
    message = fail.message,
    detail = coalesce(fail.detail, ''),
    hint = coalesce(fail.hint, '');
end;
$$;
comment on function tally.fail(text, text, text, text) is
  'Raises an error whose code PTnnn becomes HTTP status nnn: message, the values as detail, the way out as hint.';
revoke execute on function tally.fail(text, text, text, text) from public, anon, authenticated;
grant execute on function tally.fail(text, text, text, text) to authenticated, service_role;

-- How the hot path is written. Its functions are plpgsql: it keeps their plans for the session,
-- while a function in plain SQL that cannot be inlined is planned again by every statement that
-- calls it. The doors to it (tally.reserve_usage, tally.settle_usage, tally.track_usage …) set for
-- all that they call: generic plans, since no argument would change one; no sequential scans, since
-- queues such as tally.usage_deltas are empty when a plan is made and full when it runs; no
-- compiler, which would take a hundred times what these statements take.

create function tally.acting_role()
returns text
language plpgsql stable security invoker set search_path = ''
as $$
begin
  -- Inside a definer function current_user is the owner; the role setting still names the caller.
  return coalesce(nullif(pg_catalog.current_setting('role', true), 'none'), session_user);
end;
$$;
comment on function tally.acting_role() is 'The database role on whose behalf the statement runs.';
revoke execute on function tally.acting_role() from public, anon, authenticated;
grant execute on function tally.acting_role() to authenticated, service_role;

create function tally.is_operator()
returns boolean
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_role text := coalesce(nullif(pg_catalog.current_setting('role', true), 'none'), session_user);
begin
  if v_role in ('service_role', 'authenticated', 'anon') then
    return v_role = 'service_role';
  end if;
  return pg_catalog.has_schema_privilege(v_role, 'tally', 'create');
end;
$$;
comment on function tally.is_operator() is
  'True for the service role and for the owner of the schema: the ones who may write for any organization.';
revoke execute on function tally.is_operator() from public, anon, authenticated;
grant execute on function tally.is_operator() to authenticated, service_role;

create function tally.require_operator(action text)
returns void
language plpgsql stable security invoker set search_path = ''
as $$
begin
  if not tally.is_operator() then
    perform tally.fail('PT403', format('Only the operator may %s.', require_operator.action),
      null, 'Call it with the secret key (service role) or as the owner of the database.');
  end if;
end;
$$;
comment on function tally.require_operator(text) is
  'Raises PT403 unless the caller is the operator.';
revoke execute on function tally.require_operator(text) from public, anon, authenticated;
grant execute on function tally.require_operator(text) to authenticated, service_role;

create function tally.uuid_v7(at timestamptz)
returns uuid
language plpgsql volatile security invoker set search_path = ''
as $$
begin
  -- A random v4 whose first 48 bits become the time in milliseconds and whose version becomes 7.
  return encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send(floor(extract(epoch from uuid_v7.at) * 1000)::bigint) from 3)
        from 1 for 6),
      52, 1), 53, 1),
    'hex')::uuid;
end;
$$;
comment on function tally.uuid_v7(timestamptz) is
  'A uuid of version 7 that holds the given time, to the millisecond.';
revoke execute on function tally.uuid_v7(timestamptz) from public, anon, authenticated;
grant execute on function tally.uuid_v7(timestamptz) to authenticated, service_role;

create function tally.uuid_time(id uuid)
returns timestamptz
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return timestamptz 'epoch'
    + ('x' || encode(substring(uuid_send(uuid_time.id) for 6), 'hex'))::bit(48)::bigint
      * interval '1 millisecond';
end;
$$;
comment on function tally.uuid_time(uuid) is
  'The time inside a uuid of version 7, to the millisecond.';
revoke execute on function tally.uuid_time(uuid) from public, anon, authenticated;
grant execute on function tally.uuid_time(uuid) to authenticated, service_role;

create function tally.uuid_floor(at timestamptz)
returns uuid
language sql immutable security invoker set search_path = ''
as $$
  select (rpad(
    encode(substring(int8send(floor(extract(epoch from uuid_floor.at) * 1000)::bigint) from 3),
      'hex'), 32, '0'))::uuid
$$;
comment on function tally.uuid_floor(timestamptz) is
  'The least uuid of version 7 of a moment, for ranges over ids.';
revoke execute on function tally.uuid_floor(timestamptz) from public, anon, authenticated;
grant execute on function tally.uuid_floor(timestamptz) to service_role;

create table tally.settings (
  only_row boolean primary key default true,
  event_late_limit interval not null default '35 days',
  event_early_limit interval not null default '5 minutes',
  hold_lifetime interval not null default '10 minutes',
  default_plan text,
  durable_admission boolean not null default false,
  constraint there_is_one_row check (only_row)
);
comment on table tally.settings is
  'Limits of the installation: how late and how early an event may be, how long a hold lasts when its request names no time.';
comment on column tally.settings.default_plan is
  'The plan of organizations that are created without one; null: none, and no limits.';
comment on column tally.settings.durable_admission is
  'Whether an admission waits until its hold is on disk. If not, a crash of the server can take the holds of the last half second, whose calls may then be under way beside others that got their room.';
insert into tally.settings default values;
alter table tally.settings enable row level security;

create function public.tallybase_version()
returns text
language sql immutable security invoker set search_path = ''
as $$
  select '0.1.0'
$$;
comment on function public.tallybase_version() is 'The version of the installed Tallybase schema.';
revoke execute on function public.tallybase_version() from public, anon, authenticated;
grant execute on function public.tallybase_version() to anon, authenticated, service_role;
