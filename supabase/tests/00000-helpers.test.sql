-- Helpers of the other tests. Sorted first, so a run of the whole folder installs them; they stay
-- in the database, in schema `tests`. Names stand for ids: `tests.id_of('ada')` is the same uuid in
-- every file, so nothing has to be remembered in variables.
--
--   begin;
--   select plan(2);
--   select tests.create_organization('acme');            -- its id is tests.id_of('acme')
--   select tests.create_member('acme', 'ada', 'owner');  -- makes the user; default role: member
--   select tests.create_user('eve');                     -- can sign in, belongs to nothing
--
--   select tests.act_as('ada');            -- role authenticated, auth.uid() is her id
--   select tests.act_as_anonymous();       -- role anon
--   select tests.act_as_service();         -- role service_role (the secret key)
--   select tests.act_as_owner();           -- back to the owner of the database
--
--   select is(tests.error_of('select tally.fail(''PT400'', ''No.'')') ->> 'code', 'PT400');
--   select * from finish();
--   rollback;
--
-- `error_of` runs a statement and answers null when it succeeds, otherwise
-- { code, message, detail, hint, constraint }. A failed statement leaves nothing behind.
-- pgTAP is in schema extensions, which is on the search_path of every Supabase database.

create schema if not exists tests;
grant usage on schema tests to anon, authenticated, service_role;

create or replace function tests.id_of(name text)
returns uuid
language sql immutable set search_path = ''
as $$
  select md5(id_of.name)::uuid
$$;

create or replace function tests.create_user(name text)
returns uuid
language sql volatile set search_path = ''
as $$
  insert into auth.users (id, email)
  values (tests.id_of(create_user.name), create_user.name || '@example.com')
  on conflict (id) do nothing;
  select tests.id_of(create_user.name);
$$;

create or replace function tests.create_organization(name text, timezone text default 'UTC')
returns uuid
language sql volatile set search_path = ''
as $$
  insert into public.organizations (id, name, timezone)
  values (
    tests.id_of(create_organization.name), create_organization.name, create_organization.timezone)
  returning id
$$;

create or replace function tests.create_member(
  organization text, name text, role text default 'member')
returns uuid
language sql volatile set search_path = ''
as $$
  select tests.create_user(create_member.name);
  insert into public.organization_members (organization_id, user_id, role)
  values (
    tests.id_of(create_member.organization), tests.id_of(create_member.name), create_member.role)
  returning user_id;
$$;

create or replace function tests.act_as_role(role text, claims jsonb)
returns void
language sql volatile set search_path = ''
as $$
  select
    set_config('role', act_as_role.role, true),
    set_config('request.jwt.claims', coalesce(act_as_role.claims::text, ''), true);
$$;

create or replace function tests.act_as(name text)
returns void
language sql volatile set search_path = ''
as $$
  select tests.act_as_role('authenticated', jsonb_build_object(
    'role', 'authenticated',
    'sub', tests.id_of(act_as.name),
    'email', act_as.name || '@example.com'
  ))
$$;

create or replace function tests.act_as_anonymous()
returns void
language sql volatile set search_path = ''
as $$
  select tests.act_as_role('anon', '{"role": "anon"}')
$$;

create or replace function tests.act_as_service()
returns void
language sql volatile set search_path = ''
as $$
  select tests.act_as_role('service_role', '{"role": "service_role"}')
$$;

create or replace function tests.act_as_owner()
returns void
language sql volatile set search_path = ''
as $$
  select tests.act_as_role('none', null)
$$;

create or replace function tests.error_of(statement text)
returns jsonb
language plpgsql volatile
as $$
declare
  v_code text;
  v_message text;
  v_detail text;
  v_hint text;
  v_constraint text;
begin
  execute error_of.statement;
  return null;
exception when others then
  get stacked diagnostics
    v_code = returned_sqlstate,
    v_message = message_text,
    v_detail = pg_exception_detail,
    v_hint = pg_exception_hint,
    v_constraint = constraint_name;
  return jsonb_build_object(
    'code', v_code, 'message', v_message, 'detail', v_detail, 'hint', v_hint,
    'constraint', v_constraint);
end;
$$;

begin;
select plan(6);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'owner');

select tests.act_as('ada');
select is(auth.uid(), tests.id_of('ada'), 'act_as signs a user in');
select is(current_user::text, 'authenticated', 'act_as takes the role of signed-in users');

select tests.act_as_anonymous();
select is(auth.uid(), null, 'act_as_anonymous signs nobody in');

select tests.act_as_service();
select is(current_user::text, 'service_role', 'act_as_service takes the role of the secret key');

select tests.act_as_owner();
select is(current_user, session_user, 'act_as_owner comes back to the role of the connection');

select is(
  tests.error_of('select tally.fail(''PT400'', ''No.'', ''field'', ''Do this.'')'),
  '{"code": "PT400", "message": "No.", "detail": "field", "hint": "Do this.", "constraint": ""}',
  'error_of tells what a statement raised');

select * from finish();
rollback;
