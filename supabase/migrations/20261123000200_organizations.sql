-- Tenancy. A project with its own organizations replaces the bodies of the two seam functions,
-- tally.organizations_of and tally.role_in: no other SQL reads membership.

create table public.organizations (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  timezone text not null default 'UTC',
  allow_client_tracking boolean not null default false,
  plan_id text references public.plans (id),
  created_at timestamptz not null default now(),
  constraint name_is_not_blank check (btrim(name) <> ''),
  constraint timezone_is_known check ((timestamptz 'epoch' at time zone timezone) is not null)
);
create index organizations_by_plan on public.organizations (plan_id);
comment on table public.organizations is 'The tenants: whose usage is metered, limited and billed.';
comment on column public.organizations.timezone is
  'IANA name; days of reports and of quotas without a timezone of their own.';
comment on column public.organizations.plan_id is
  'Its plan; change it by assign_plan(), which moves the quotas too.';
comment on column public.organizations.allow_client_tracking is
  'Whether members may record usage from their own devices. Off: only the service role and API keys may.';

create table public.organization_members (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  user_id uuid not null,
  role text not null default 'member',
  created_at timestamptz not null default now(),
  primary key (organization_id, user_id),
  constraint role_is_known check (role in ('owner', 'admin', 'member'))
);
comment on table public.organization_members is
  'Which user (auth.uid()) belongs to which organization, in which role.';
create index organization_members_by_user on public.organization_members (user_id);

create function tally.organizations_of(actor uuid)
returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select m.organization_id
  from public.organization_members as m
  where m.user_id = organizations_of.actor
$$;
comment on function tally.organizations_of(uuid) is
  'Seam: the organizations whose data a user may read. Replace the body to use your own tenancy tables.';
revoke execute on function tally.organizations_of(uuid) from public, anon, authenticated;
grant execute on function tally.organizations_of(uuid) to authenticated, service_role;

create function tally.role_in(actor uuid, organization_id uuid)
returns text
language sql stable security definer set search_path = ''
as $$
  select m.role
  from public.organization_members as m
  where m.user_id = role_in.actor and m.organization_id = role_in.organization_id
$$;
comment on function tally.role_in(uuid, uuid) is
  'Seam: owner, admin, member, or null when the user does not belong to the organization.';
revoke execute on function tally.role_in(uuid, uuid) from public, anon, authenticated;
grant execute on function tally.role_in(uuid, uuid) to authenticated, service_role;

create function tally.require_role(organization_id uuid, roles text[])
returns void
language plpgsql stable security definer set search_path = ''
as $$
begin
  if require_role.organization_id is null then
    perform tally.fail('PT400', 'organization_id is missing.', 'organization_id',
      'Name the organization.');
  end if;
  if tally.is_operator() then
    if not exists (select from public.organizations as o
      where o.id = require_role.organization_id) then
      perform tally.fail('PT404', format('There is no organization %s.',
        require_role.organization_id),
        'organization_id', 'Create it in public.organizations first.');
    end if;
  elsif not coalesce(
    tally.role_in((select auth.uid()), require_role.organization_id) = any (require_role.roles),
    false) then
    -- One answer for a foreign and for an unknown organization: ids cannot be probed.
    perform tally.fail('PT403',
      format('You may not do this in organization %s.', require_role.organization_id),
      format('needed: %s', array_to_string(require_role.roles, ' or ')),
      'Sign in as a user with that role, or use the secret key on a server.');
  end if;
end;
$$;
comment on function tally.require_role(uuid, text[]) is
  'Raises PT403 unless the caller has one of the roles in the organization; the operator always may (PT404 when it is unknown).';
revoke execute on function tally.require_role(uuid, text[]) from public, anon, authenticated;
grant execute on function tally.require_role(uuid, text[]) to authenticated, service_role;

create function tally.require_member(organization_id uuid)
returns void
language sql stable security invoker set search_path = ''
as $$
  select tally.require_role(require_member.organization_id, array['owner', 'admin', 'member'])
$$;
comment on function tally.require_member(uuid) is
  'Raises PT403 unless the caller belongs to the organization.';
revoke execute on function tally.require_member(uuid) from public, anon, authenticated;
grant execute on function tally.require_member(uuid) to authenticated, service_role;

create function tally.require_admin(organization_id uuid)
returns void
language sql stable security invoker set search_path = ''
as $$
  select tally.require_role(require_admin.organization_id, array['owner', 'admin'])
$$;
comment on function tally.require_admin(uuid) is
  'Raises PT403 unless the caller is an owner or admin of the organization.';
revoke execute on function tally.require_admin(uuid) from public, anon, authenticated;
grant execute on function tally.require_admin(uuid) to authenticated, service_role;

create function tally.may_record(organization_id uuid)
returns boolean
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_allows boolean;
begin
  select o.allow_client_tracking into v_allows
  from public.organizations as o where o.id = may_record.organization_id;
  return v_allows is not null and (tally.is_operator()
    or v_allows and tally.role_in((select auth.uid()), may_record.organization_id) is not null);
end;
$$;
comment on function tally.may_record(uuid) is
  'Whether the caller may write usage: the operator, or a member of an organization with allow_client_tracking.';
revoke execute on function tally.may_record(uuid) from public, anon, authenticated;

create function tally.require_recorder(organization_id uuid)
returns void
language plpgsql stable security definer set search_path = ''
as $$
begin
  if tally.may_record(require_recorder.organization_id) then
    return;
  end if;
  perform tally.require_member(require_recorder.organization_id);
  perform tally.fail('PT403',
    'This organization does not record usage from its members'' devices.',
    'organizations.allow_client_tracking is off',
    'Record from a server with the secret key or an API key, or let the operator turn it on.');
end;
$$;
comment on function tally.require_recorder(uuid) is
  'Raises PT403 unless the caller may write usage; the operator gets PT404 when the organization is unknown.';
revoke execute on function tally.require_recorder(uuid) from public, anon, authenticated;
grant execute on function tally.require_recorder(uuid) to authenticated, service_role;

alter table public.organizations enable row level security;
revoke all on public.organizations from anon, authenticated, service_role;
grant select on public.organizations to authenticated;
grant select, insert, update, delete on public.organizations to service_role;
create policy "members read their organizations" on public.organizations
  for select to authenticated
  using (id = any (array(select tally.organizations_of((select auth.uid())))));

alter table public.organization_members enable row level security;
revoke all on public.organization_members from anon, authenticated, service_role;
grant select on public.organization_members to authenticated;
grant select, insert, update, delete on public.organization_members to service_role;
create policy "members read who belongs to their organizations" on public.organization_members
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));
