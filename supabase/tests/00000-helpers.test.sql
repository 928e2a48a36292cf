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

-- A model of provider `lab` and use of it: 1 USD per million tokens in, 10 out, so that a call of
-- 1000 in and 100 out costs 0.002. `extra` is merged over the JSON that a caller would send.

create or replace function tests.create_model(
  model text, rates jsonb default '{"input": 1, "output": 10}')
returns bigint language sql volatile set search_path = '' as $$
  select public.set_price('lab', create_model.model, create_model.rates,
    valid_from => now() - interval '60 days')
$$;

create or replace function tests.event_of(organization text, extra jsonb default '{}')
returns jsonb language sql stable set search_path = '' as $$
  select jsonb_build_object('organization_id', tests.id_of(event_of.organization), 'provider', 'lab',
    'model', 'echo', 'input_tokens', 1000, 'output_tokens', 100) || event_of.extra
$$;

create or replace function tests.track(organization text, extra jsonb default '{}')
returns jsonb language sql volatile set search_path = '' as $$
  select public.track_usage(tests.event_of(track.organization, track.extra))
$$;

create or replace function tests.request_of(
  organization text, extra jsonb default '{"estimated_cost": 1}')
returns jsonb language sql stable set search_path = '' as $$
  select jsonb_build_object('organization_id', tests.id_of(request_of.organization),
    'provider', 'lab', 'model', 'echo') || request_of.extra
$$;

create or replace function tests.reserve(organization text, extra jsonb default '{"estimated_cost": 1}')
returns jsonb language sql volatile set search_path = '' as $$
  select public.reserve_usage(tests.request_of(reserve.organization, reserve.extra))
$$;

create or replace function tests.hold(organization text, extra jsonb default '{"estimated_cost": 1}')
returns uuid language sql volatile set search_path = '' as $$
  select (tests.reserve(hold.organization, hold.extra) ->> 'hold_id')::uuid
$$;

-- As if the hold had been taken long ago: nothing has swept it yet.
create or replace function tests.outlive(hold_id uuid) returns void
language sql volatile set search_path = '' as $$
  update public.usage_holds set expires_at = now() where id = outlive.hold_id
$$;

-- `2 used, 1 held, 7 left` of the quotas of an organization, by metric and period.
create or replace function tests.standing(organization text, metric text default null)
returns text language sql stable set search_path = '' as $$
  select string_agg(
    format('%s used, %s held, %s left', s.current_usage, s.reserved, s.remaining), '; '
    order by s.metric, s.quota_type, s.quota_limit)
  from public.quota_status(tests.id_of(standing.organization)) as s
  where s.metric = standing.metric or standing.metric is null
$$;

-- `PT400 input_tokens`: the code and the detail of what recording an event raises.
create or replace function tests.complaint_about(event jsonb) returns text
language sql volatile set search_path = '' as $$
  select (e.error ->> 'code') || ' ' || (e.error ->> 'detail')
  from tests.error_of(format('select public.track_usage(%L)', complaint_about.event)) as e (error)
$$;

-- The codes that statements raise, `ok` for none, in their order.
create or replace function tests.codes_of(variadic statements text[]) returns text[]
language sql volatile set search_path = '' as $$
  select array_agg(coalesce(tests.error_of(s.statement) ->> 'code', 'ok') order by s.position)
  from unnest(codes_of.statements) with ordinality as s (statement, position)
$$;
