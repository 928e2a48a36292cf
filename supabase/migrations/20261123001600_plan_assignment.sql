-- How an organization, its users and its keys come by the quotas of their plan.

create function tally.missing_plan_quotas(organization_id uuid, applies_to text, user_id uuid,
  api_key_id uuid)
returns setof public.plan_quotas
language plpgsql stable security definer set search_path = ''
  set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select p.*
  from public.organizations as o
  join public.plan_quotas as p on p.plan_id = o.plan_id
    and p.applies_to = missing_plan_quotas.applies_to
  where o.id = missing_plan_quotas.organization_id
    and not exists (
      select from public.usage_quotas as q
      where q.organization_id = o.id and q.plan_quota_id = p.id
        and q.user_id is not distinct from case p.applies_to when 'user'
          then missing_plan_quotas.user_id end
        and q.api_key_id is not distinct from case p.applies_to when 'api_key'
          then missing_plan_quotas.api_key_id end
    )
  order by p.id;
end;
$$;
comment on function tally.missing_plan_quotas(uuid, text, uuid, uuid) is
  'The quotas of an organization''s plan that it, one of its users or one of its keys does not have yet.';
revoke execute on function tally.missing_plan_quotas(uuid, text, uuid, uuid)
  from public, anon, authenticated;

create function tally.add_plan_quotas(organization_id uuid, applies_to text, user_id uuid,
  api_key_id uuid)
returns void
language plpgsql volatile security definer set search_path = ''
  set plan_cache_mode = force_generic_plan
as $$
begin
  if not exists (
    select from tally.missing_plan_quotas(add_plan_quotas.organization_id,
      add_plan_quotas.applies_to, add_plan_quotas.user_id, add_plan_quotas.api_key_id)
  ) then
    return;
  end if;
  -- What is missing is asked again behind a change of plan that is under way: its quotas, not the
  -- former ones.
  perform tally.lock_folding(add_plan_quotas.organization_id);
  insert into public.usage_quotas (organization_id, plan_quota_id, user_id, api_key_id, provider,
    model, tool_name, resource_type, metric, quota_type, quota_limit, enforcement, unpriced_policy,
    alert_thresholds, managed_by)
  select add_plan_quotas.organization_id, p.id,
    case p.applies_to when 'user' then add_plan_quotas.user_id end,
    case p.applies_to when 'api_key' then add_plan_quotas.api_key_id end,
    p.provider, p.model, p.tool_name, p.resource_type, p.metric, p.quota_type, p.quota_limit,
    p.enforcement, p.unpriced_policy, p.alert_thresholds, 'plan'
  from tally.missing_plan_quotas(add_plan_quotas.organization_id, add_plan_quotas.applies_to,
    add_plan_quotas.user_id, add_plan_quotas.api_key_id) as p
  on conflict do nothing;
end;
$$;
comment on function tally.add_plan_quotas(uuid, text, uuid, uuid) is
  'Makes what tally.missing_plan_quotas names.';
revoke execute on function tally.add_plan_quotas(uuid, text, uuid, uuid)
  from public, anon, authenticated;

create function tally.has_callers_quotas(organization_id uuid)
returns boolean
language plpgsql stable security definer set search_path = ''
as $$
begin
  return exists (
    select from public.organizations as o
    join public.plan_quotas as p on p.plan_id = o.plan_id and p.applies_to in ('user', 'api_key')
    where o.id = has_callers_quotas.organization_id
  );
end;
$$;
comment on function tally.has_callers_quotas(uuid) is
  'Whether an organization''s plan limits each user or API key; most plans limit neither.';
revoke execute on function tally.has_callers_quotas(uuid) from public, anon, authenticated;

create function tally.meet_caller(organization_id uuid, user_id uuid, api_key_id uuid)
returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if meet_caller.user_id is not null then
    perform tally.add_plan_quotas(meet_caller.organization_id, 'user', meet_caller.user_id, null);
  end if;
  if meet_caller.api_key_id is not null then
    perform tally.add_plan_quotas(meet_caller.organization_id, 'api_key', null,
      meet_caller.api_key_id);
  end if;
end;
$$;
comment on function tally.meet_caller(uuid, uuid, uuid) is
  'Gives a user or key seen for the first time the quotas that its organization''s plan has for each, before its first call is admitted: nothing passes before a limit does.';
revoke execute on function tally.meet_caller(uuid, uuid, uuid) from public, anon, authenticated;

create function tally.meet_pending_callers(organization_id uuid, seqs bigint[])
returns void
language plpgsql volatile security definer set search_path = '' set enable_seqscan = off
as $$
begin
  if not tally.has_callers_quotas(meet_pending_callers.organization_id) then
    return;
  end if;
  perform tally.meet_caller(meet_pending_callers.organization_id, c.user_id, c.api_key_id)
  from (
    select distinct e.user_id, e.api_key_id
    from tally.pending_events as e
    where e.organization_id = meet_pending_callers.organization_id
      and e.seq = any (meet_pending_callers.seqs)
      and num_nonnulls(e.user_id, e.api_key_id) > 0
  ) as c;
end;
$$;
comment on function tally.meet_pending_callers(uuid, bigint[]) is
  'Gives the users and keys of events that no admission has seen the quotas of their plan, so that what was only recorded counts and is told too.';
revoke execute on function tally.meet_pending_callers(uuid, bigint[])
  from public, anon, authenticated;

create function tally.coming_quota_states(organization_id uuid, user_id uuid, at timestamptz)
returns table (quota public.usage_quotas, starts_at timestamptz, ends_at timestamptz,
  used numeric, held numeric)
language plpgsql stable security definer set search_path = ''
as $$
begin
  return query
  select q.quota, p.starts_at, p.ends_at, tally.recorded_usage(q.quota, p.starts_at, p.ends_at),
    0::numeric
  from tally.missing_plan_quotas(coming_quota_states.organization_id, 'user',
    coming_quota_states.user_id, null) as m
  join public.organizations as o on o.id = coming_quota_states.organization_id
  cross join lateral tally.quota_period(m.quota_type, o.timezone, null, coming_quota_states.at) as p
  cross join lateral (
    select jsonb_populate_record(null::public.usage_quotas, to_jsonb(m) - 'id'
      || jsonb_build_object('organization_id', o.id, 'user_id', coming_quota_states.user_id,
        'is_credit', false)) as quota
  ) as q
  where coming_quota_states.user_id is not null;
end;
$$;
comment on function tally.coming_quota_states(uuid, uuid, timestamptz) is
  'What tally.quota_states will say of the quotas that a user gets with the first call: they have no id yet.';
revoke execute on function tally.coming_quota_states(uuid, uuid, timestamptz)
  from public, anon, authenticated;

create function tally.assign_plan(organization_id uuid, plan_id text)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_kept integer;
  v_removed integer;
begin
  perform tally.require_operator('assign plans');
  perform tally.require_admin(assign_plan.organization_id);
  if not exists (select from public.plans as p where p.id = assign_plan.plan_id) then
    perform tally.fail('PT404', format('There is no plan %L.', assign_plan.plan_id), 'plan_id',
      'The plans on offer are in public.plans.');
  end if;
  perform tally.lock_folding(assign_plan.organization_id);
  update public.organizations as o set plan_id = assign_plan.plan_id
    where o.id = assign_plan.organization_id;
  -- In the order of admissions, which the joins below would not keep: neither waits for the other
  -- in a ring.
  perform from public.usage_quotas as q where q.organization_id = assign_plan.organization_id
    order by q.id for update;
  -- A limit of the same metric, period and scope is moved, so that what is used of it stays used.
  update public.usage_quotas as q
  set plan_quota_id = n.id, quota_limit = n.quota_limit, enforcement = n.enforcement,
    unpriced_policy = n.unpriced_policy, alert_thresholds = n.alert_thresholds, updated_at = now()
  from public.plan_quotas as n
  where q.organization_id = assign_plan.organization_id and q.managed_by = 'plan'
    and n.plan_id = assign_plan.plan_id
    and n.applies_to = case when q.user_id is not null then 'user' when q.api_key_id is not null
      then 'api_key'
      else 'organization' end
    and (n.metric, n.quota_type, n.provider, n.model, n.tool_name, n.resource_type)
      is not distinct from (q.metric, q.quota_type, q.provider, q.model, q.tool_name,
        q.resource_type);
  get diagnostics v_kept = row_count;
  delete from public.usage_quotas as q
  using public.plan_quotas as p
  where q.organization_id = assign_plan.organization_id and q.managed_by = 'plan'
    and p.id = q.plan_quota_id and p.plan_id <> assign_plan.plan_id;
  get diagnostics v_removed = row_count;
  perform tally.add_plan_quotas(assign_plan.organization_id, 'organization', null, null);
  return jsonb_build_object('organization_id', assign_plan.organization_id, 'plan_id',
    assign_plan.plan_id, 'kept', v_kept, 'removed', v_removed, 'exceeded', (
      select coalesce(jsonb_agg(jsonb_build_object('quota_id', (s.quota).id, 'metric',
        (s.quota).metric, 'resource_type', (s.quota).resource_type, 'quota_limit',
        (s.quota).quota_limit, 'current_usage', trim_scale(s.used))), '[]')
      from tally.quota_states(assign_plan.organization_id, now()) as s
      where (s.quota).managed_by = 'plan' and s.used >= (s.quota).quota_limit));
end;
$$;
comment on function tally.assign_plan(uuid, text) is 'Behind public.assign_plan.';
revoke execute on function tally.assign_plan(uuid, text) from public, anon, authenticated;
grant execute on function tally.assign_plan(uuid, text) to authenticated, service_role;

create function public.assign_plan(organization_id uuid, plan_id text)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.assign_plan(assign_plan.organization_id, assign_plan.plan_id)
$$;
comment on function public.assign_plan(uuid, text) is
  'Puts an organization on a plan (operator): {organization_id, plan_id, kept, removed, exceeded}. Usage of the running period is kept; exceeded lists the limits of the new plan that are used up already, which refuse further calls until they reset.';
revoke execute on function public.assign_plan(uuid, text) from public, anon, authenticated;
grant execute on function public.assign_plan(uuid, text) to authenticated, service_role;

create function tally.welcome_organization()
returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if new.plan_id is null then
    update public.organizations as o
    set plan_id = s.default_plan
    from tally.settings as s
    where o.id = new.id and s.default_plan is not null;
  end if;
  perform tally.add_plan_quotas(new.id, 'organization', null, null);
  return null;
end;
$$;
comment on function tally.welcome_organization() is
  'Gives a new organization the quotas of its plan, or of the default plan.';
revoke execute on function tally.welcome_organization() from public, anon, authenticated;
create trigger welcome_organization after insert on public.organizations
  for each row execute function tally.welcome_organization();
