-- Quotas are set and removed: by the operator, and tighter ones by the admins of an organization.

create function tally.require_quota_terms(
  quota_type text, quota_limit numeric, metric text, enforcement text, anchor timestamptz,
  alert_thresholds numeric[], unpriced_policy text)
returns void
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  t record;
begin
  for t in
    select v.*, tally.quota_words(v.field) as known
    from (values ('metric', require_quota_terms.metric),
      ('quota_type', require_quota_terms.quota_type),
      ('enforcement', require_quota_terms.enforcement),
      ('unpriced_policy', require_quota_terms.unpriced_policy)) as v (field, value)
  loop
    if coalesce(t.value <> all (t.known), true) then
      perform tally.fail('PT400', format('%s must be %s, not %L.', t.field,
        regexp_replace(array_to_string(t.known, ', '), ', ([a-z_]+)$', ' or \1'), t.value),
        t.field);
    end if;
  end loop;
  if coalesce(require_quota_terms.quota_limit not between 0 and 1e18, true) then
    perform tally.fail('PT400', 'quota_limit must be a number of zero or more.', 'quota_limit',
      'Use remove_quota() to lift a limit.');
  elsif not isfinite(require_quota_terms.anchor) then
    perform tally.fail('PT400', 'anchor must be a moment, not infinity.', 'anchor');
  elsif exists (
    select from unnest(require_quota_terms.alert_thresholds) as a
    where not coalesce(a > 0 and a < 'infinity', false)
  ) then
    perform tally.fail('PT400', 'alert_thresholds must be percentages above zero.',
      'alert_thresholds');
  end if;
end;
$$;
comment on function tally.require_quota_terms(text, numeric, text, text, timestamptz, numeric[],
  text) is
  'Raises PT400 for what a quota cannot be, naming the argument.';
revoke execute on function tally.require_quota_terms(text, numeric, text, text, timestamptz,
  numeric[], text)
  from public, anon, authenticated;

create function tally.read_scope(scope jsonb)
returns public.usage_quotas
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_unknown text;
  v_blank text;
begin
  if jsonb_typeof(read_scope.scope) <> 'object' then
    perform tally.fail('PT400', 'scope must be a JSON object.', 'scope',
      'Name what the quota is for, such as {"model": "gpt-5"}; {} is everything.');
  end if;
  select min(s.key) filter (where s.key not in ('user_id', 'api_key_id', 'provider', 'model',
      'tool_name', 'resource_type')),
    min(s.key) filter (where btrim(s.value) = '')
  into v_unknown, v_blank
  from jsonb_each_text(coalesce(read_scope.scope, '{}')) as s;
  if v_unknown is not null then
    perform tally.fail('PT400', format('scope has no key %L.', v_unknown), 'scope',
      'Use user_id, api_key_id, provider, model, tool_name, resource_type.');
  elsif v_blank is not null then
    perform tally.fail('PT400', format('%s of scope is blank.', v_blank), 'scope',
      'Leave it out for any.');
  end if;
  return jsonb_populate_record(null::public.usage_quotas, coalesce(read_scope.scope, '{}'));
exception when invalid_text_representation then
  perform tally.fail('PT400', format('scope cannot be read: %s.', sqlerrm), 'scope');
  return null;
end;
$$;
comment on function tally.read_scope(jsonb) is
  'What a quota is for, in the columns of a quota. Raises PT400 for what it cannot be.';
revoke execute on function tally.read_scope(jsonb) from public, anon, authenticated;

create function tally.set_quota(
  organization_id uuid, quota_type text, quota_limit numeric, metric text, scope jsonb,
  enforcement text, timezone text, anchor timestamptz, alert_thresholds numeric[],
  unpriced_policy text)
returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_scope public.usage_quotas;
  v_manager text := case when tally.is_operator() then 'operator' else 'organization' end;
  v_id uuid;
begin
  perform tally.require_admin(set_quota.organization_id);
  perform tally.require_quota_terms(set_quota.quota_type, set_quota.quota_limit, set_quota.metric,
    set_quota.enforcement, set_quota.anchor, set_quota.alert_thresholds, set_quota.unpriced_policy);
  v_scope := tally.read_scope(set_quota.scope);
  -- Two admins who set one quota wait for each other, and for a fold, here.
  perform tally.lock_folding(set_quota.organization_id);
  select q.id into v_id
  from public.usage_quotas as q
  where q.organization_id = set_quota.organization_id
    and q.managed_by = v_manager
    and not q.is_credit
    and q.metric = set_quota.metric
    and q.quota_type = set_quota.quota_type
    and q.timezone is not distinct from set_quota.timezone
    and q.anchor is not distinct from set_quota.anchor
    and (q.user_id, q.api_key_id, q.provider, q.model, q.tool_name, q.resource_type)
      is not distinct from (v_scope.user_id, v_scope.api_key_id, v_scope.provider, v_scope.model,
        v_scope.tool_name, v_scope.resource_type)
  order by q.id
  limit 1;
  if v_id is not null then
    update public.usage_quotas as q
    set quota_limit = set_quota.quota_limit,
      enforcement = set_quota.enforcement,
      unpriced_policy = set_quota.unpriced_policy,
      alert_thresholds = coalesce(set_quota.alert_thresholds, q.alert_thresholds),
      updated_at = now()
    where q.organization_id = set_quota.organization_id and q.id = v_id;
    return v_id;
  end if;
  insert into public.usage_quotas as q (organization_id, user_id, api_key_id, provider,
    model, tool_name, resource_type, metric, quota_type, quota_limit, timezone, anchor, enforcement,
    unpriced_policy, alert_thresholds, managed_by)
  values (set_quota.organization_id, v_scope.user_id, v_scope.api_key_id, v_scope.provider,
    v_scope.model, v_scope.tool_name, v_scope.resource_type, set_quota.metric, set_quota.quota_type,
    set_quota.quota_limit, set_quota.timezone, set_quota.anchor, set_quota.enforcement,
    set_quota.unpriced_policy, coalesce(set_quota.alert_thresholds, '{75,90,100}'), v_manager)
  returning q.id into v_id;
  return v_id;
exception when invalid_parameter_value then
  perform tally.fail('PT400', format('The quota cannot be set: %s.', sqlerrm), 'timezone',
    'A timezone is an IANA name such as Europe/Paris.');
  return null;
end;
$$;
comment on function tally.set_quota(uuid, text, numeric, text, jsonb, text, text, timestamptz,
  numeric[], text) is
  'Behind public.set_quota.';
revoke execute on function tally.set_quota(uuid, text, numeric, text, jsonb, text, text,
  timestamptz, numeric[], text)
  from public, anon, authenticated;
grant execute on function tally.set_quota(uuid, text, numeric, text, jsonb, text, text, timestamptz,
  numeric[], text)
  to authenticated, service_role;

create function public.set_quota(
  organization_id uuid, quota_type text, quota_limit numeric, metric text default 'cost_usd',
  scope jsonb default '{}', enforcement text default 'hard', timezone text default null,
  anchor timestamptz default null, alert_thresholds numeric[] default null,
  unpriced_policy text default 'refuse')
returns uuid
language sql volatile security invoker set search_path = ''
as $$
  select tally.set_quota(set_quota.organization_id, set_quota.quota_type, set_quota.quota_limit,
    set_quota.metric, set_quota.scope, set_quota.enforcement, set_quota.timezone, set_quota.anchor,
    set_quota.alert_thresholds, set_quota.unpriced_policy)
$$;
comment on function public.set_quota(uuid, text, numeric, text, jsonb, text, text, timestamptz,
  numeric[], text) is
  'Sets a quota and returns its id: the operator''s as service role, otherwise the organization''s own (admins), which applies beside the operator''s and can only be tighter. Usage of the running period is kept.';
revoke execute on function public.set_quota(uuid, text, numeric, text, jsonb, text, text,
  timestamptz, numeric[], text)
  from public, anon, authenticated;
grant execute on function public.set_quota(uuid, text, numeric, text, jsonb, text, text,
  timestamptz, numeric[], text)
  to authenticated, service_role;

create function tally.remove_quota(quota_id uuid)
returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_quota public.usage_quotas;
begin
  select * into v_quota from public.usage_quotas as q where q.id = remove_quota.quota_id;
  if v_quota.id is null or not tally.is_operator()
    and coalesce(tally.role_in(auth.uid(), v_quota.organization_id), 'member') = 'member' then
    -- One answer for a foreign and for an unknown quota: ids cannot be probed.
    perform tally.fail(case when tally.is_operator() then 'PT404' else 'PT403' end,
      format('There is no quota %s that you may remove.', remove_quota.quota_id), 'quota_id');
  elsif v_quota.managed_by <> 'organization' and not tally.is_operator() then
    perform tally.fail('PT403', 'This quota belongs to the operator.',
      format('managed_by %s', v_quota.managed_by),
      'Admins remove the quotas that their organization set itself.');
  elsif v_quota.is_credit then
    perform tally.fail('PT400', 'This quota is the prepaid account of its organization.', 'quota_id',
      'What was granted stays granted; credit_balance() tells what is left of it.');
  end if;
  perform tally.lock_folding(v_quota.organization_id);
  delete from public.usage_quotas as q
  where q.organization_id = v_quota.organization_id and q.id = v_quota.id;
  return v_quota.id;
end;
$$;
comment on function tally.remove_quota(uuid) is 'Behind public.remove_quota.';
revoke execute on function tally.remove_quota(uuid) from public, anon, authenticated;
grant execute on function tally.remove_quota(uuid) to authenticated, service_role;

create function public.remove_quota(quota_id uuid)
returns uuid
language sql volatile security invoker set search_path = ''
as $$
  select tally.remove_quota(remove_quota.quota_id)
$$;
comment on function public.remove_quota(uuid) is
  'Lifts a limit and returns its id: any as operator, the organization''s own as its admin.';
revoke execute on function public.remove_quota(uuid) from public, anon, authenticated;
grant execute on function public.remove_quota(uuid) to authenticated, service_role;
