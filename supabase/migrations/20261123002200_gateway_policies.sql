-- What an organization asks of the calls that pass through the gateway: allowed models, a rate,
-- retries and fallbacks, the most one call may cost, and what becomes of a hold that nobody
-- settles.

create table public.gateway_policies (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  managed_by text not null,
  allowed_models text[],
  requests_per_minute integer,
  max_call_cost numeric,
  max_retries integer,
  fallback_models jsonb not null default '{}',
  unsettled_holds text,
  updated_at timestamptz not null default now(),
  primary key (organization_id, managed_by),
  constraint manager_is_known check (managed_by in ('operator', 'organization')),
  constraint some_model_is_allowed check (cardinality(allowed_models) > 0),
  constraint rate_is_above_zero check (requests_per_minute > 0),
  constraint call_cost_is_above_zero check (max_call_cost > 0),
  constraint retries_are_few check (max_retries between 0 and 3),
  constraint fallbacks_are_an_object check (jsonb_typeof(fallback_models) = 'object'),
  constraint unsettled_policy_is_known check (unsettled_holds in ('release', 'settle'))
);
comment on table public.gateway_policies is
  'Policies of the gateway, the operator''s and the organization''s own: both must admit a call, the tighter limit counts. No row: no policy.';
comment on column public.gateway_policies.allowed_models is
  'Models, as `model` or `provider/model`, with * at the end for all that begin so; null: every model.';
comment on column public.gateway_policies.fallback_models is
  'Model to the model of the same provider that is asked when it fails with 429 or 5xx.';
comment on column public.gateway_policies.unsettled_holds is
  'What becomes of the hold of one call that nobody settles: released at its expiry (default), or settled at its upper bound.';

alter table public.gateway_policies enable row level security;
revoke all on public.gateway_policies from anon, authenticated, service_role;
grant select on public.gateway_policies to authenticated, service_role;
create policy "members read the gateway policies of their organizations" on public.gateway_policies
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create table tally.gateway_rates (
  organization_id uuid primary key references public.organizations (id) on delete cascade,
  paid_until timestamptz not null
) with (fillfactor = 50);
comment on table tally.gateway_rates is
  'Request rates: each admitted request moves paid_until on by one share of a minute; it may be a minute ahead at most.';
alter table tally.gateway_rates enable row level security;

create function tally.check_policy(policy jsonb)
returns void
language plpgsql stable security definer set search_path = ''
as $$
declare
  p jsonb;
  v_keys constant text[] := '{allowed_models,requests_per_minute,max_call_cost,max_retries,'
    'fallback_models,unsettled_holds}'::text[];
  v_problem text[];
begin
  if jsonb_typeof(check_policy.policy) is distinct from 'object' then
    perform tally.fail('PT400', 'policy must be a JSON object.', 'policy',
      'For example {"max_retries": 2}.');
  elsif check_policy.policy - v_keys <> '{}' then
    perform tally.fail('PT400', 'policy names something unknown.',
      (select min(k) from jsonb_object_keys(check_policy.policy - v_keys) as k),
      'Its keys are ' || array_to_string(v_keys, ', ') || '.');
  end if;
  select coalesce(jsonb_object_agg(k.key, k.value), '{}') into p
  from jsonb_each(check_policy.policy) as k where k.value <> 'null';
  v_problem := case
    when p ? 'allowed_models' and not p @? 'strict $.allowed_models ? (@.type() == "array"
      && @.size() > 0 && !exists(@[*] ? (@.type() != "string" || @ == "")))'
      then array['allowed_models', 'must be a list of at least one model.']
    when p ? 'requests_per_minute' and not p @? 'strict $.requests_per_minute
      ? (@.type() == "number" && @ >= 1 && @ <= 1000000 && @.floor() == @)'
      then array['requests_per_minute', 'must be a whole number from 1 to 1000000.']
    when p ? 'max_call_cost' and not p @? 'strict $.max_call_cost
      ? (@.type() == "number" && @ > 0 && @ <= 1e9)'
      then array['max_call_cost', 'must be a number above 0, at most 1e9 (USD).']
    when p ? 'max_retries' and not p @? 'strict $.max_retries
      ? (@.type() == "number" && @ >= 0 && @ <= 3 && @.floor() == @)'
      then array['max_retries', 'must be 0, 1, 2 or 3.']
    when p ? 'fallback_models' and (jsonb_typeof(p -> 'fallback_models') <> 'object' or exists (
      select from jsonb_each(case jsonb_typeof(p -> 'fallback_models')
        when 'object' then p -> 'fallback_models' else '{}' end) as f
      where jsonb_typeof(f.value) <> 'string' or f.value #>> '{}' in ('', f.key)))
      then array['fallback_models', 'must name another model for each model.']
    when p ->> 'unsettled_holds' not in ('release', 'settle')
      then array['unsettled_holds', 'must be release or settle.']
  end;
  if v_problem is not null then
    perform tally.fail('PT400', array_to_string(v_problem, ' '), v_problem[1],
      'Nothing was changed. null takes a policy away.');
  end if;
end;
$$;
comment on function tally.check_policy(jsonb) is
  'Raises PT400 with the name of the first key of a gateway policy that cannot be.';
revoke execute on function tally.check_policy(jsonb) from public, anon, authenticated;

create function tally.set_gateway_policy(organization_id uuid, policy jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_manager constant text := case when tally.is_operator() then 'operator' else 'organization' end;
  v_row public.gateway_policies;
begin
  perform tally.require_admin(set_gateway_policy.organization_id);
  perform tally.check_policy(set_gateway_policy.policy);
  -- What is not mentioned stays; null takes a policy away.
  select * into v_row from public.gateway_policies as p
  where p.organization_id = set_gateway_policy.organization_id and p.managed_by = v_manager
  for no key update;
  v_row := jsonb_populate_record(v_row, set_gateway_policy.policy);
  insert into public.gateway_policies as p (organization_id, managed_by, allowed_models,
    requests_per_minute,
    max_call_cost, max_retries, fallback_models, unsettled_holds)
  values (set_gateway_policy.organization_id, v_manager, v_row.allowed_models,
    v_row.requests_per_minute, v_row.max_call_cost, v_row.max_retries,
    coalesce(v_row.fallback_models, '{}'), v_row.unsettled_holds)
  on conflict on constraint gateway_policies_pkey do update set
    allowed_models = excluded.allowed_models, requests_per_minute = excluded.requests_per_minute,
    max_call_cost = excluded.max_call_cost, max_retries = excluded.max_retries,
    fallback_models = excluded.fallback_models, unsettled_holds = excluded.unsettled_holds,
    updated_at = now()
  returning * into v_row;
  return to_jsonb(v_row) - 'updated_at';
end;
$$;
comment on function tally.set_gateway_policy(uuid, jsonb) is 'Behind public.set_gateway_policy.';
revoke execute on function tally.set_gateway_policy(uuid, jsonb) from public, anon, authenticated;
grant execute on function tally.set_gateway_policy(uuid, jsonb) to authenticated, service_role;

create function public.set_gateway_policy(organization_id uuid, policy jsonb)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.set_gateway_policy(set_gateway_policy.organization_id, set_gateway_policy.policy)
$$;
comment on function public.set_gateway_policy(uuid, jsonb) is
  'Sets policies of the gateway (admins: their own, beside the operator''s): any of allowed_models, requests_per_minute, max_call_cost (USD), max_retries (0 to 3), fallback_models (model to model), unsettled_holds (release, settle). What is not named stays, null takes one away. Answers the whole policy.';
revoke execute on function public.set_gateway_policy(uuid, jsonb) from public, anon, authenticated;
grant execute on function public.set_gateway_policy(uuid, jsonb) to authenticated, service_role;

create function tally.is_model_listed(models text[], provider text, model text)
returns boolean
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_listed text;
begin
  foreach v_listed in array is_model_listed.models loop
    if right(v_listed, 1) = '*' then
      v_listed := left(v_listed, -1);
      if starts_with(is_model_listed.model, v_listed)
        or starts_with(is_model_listed.provider || '/' || is_model_listed.model, v_listed) then
        return true;
      end if;
    elsif v_listed in (is_model_listed.model,
      is_model_listed.provider || '/' || is_model_listed.model) then
      return true;
    end if;
  end loop;
  return false;
end;
$$;
comment on function tally.is_model_listed(text[], text, text) is
  'Whether a list of `model`, `provider/model` and beginnings with * names a model.';
revoke execute on function tally.is_model_listed(text[], text, text)
  from public, anon, authenticated;

create function tally.take_request(organization_id uuid, per_minute integer, at timestamptz)
returns numeric
language plpgsql volatile security definer set search_path = '' set enable_seqscan = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_share constant interval := interval '1 minute' / take_request.per_minute;
  v_wait numeric;
begin
  insert into tally.gateway_rates as r (organization_id, paid_until)
  values (take_request.organization_id, take_request.at + v_share)
  on conflict on constraint gateway_rates_pkey do update
  set paid_until = greatest(r.paid_until, take_request.at) + v_share
  where greatest(r.paid_until, take_request.at) + v_share <= take_request.at + interval '1 minute';
  if found then
    return null;
  end if;
  select extract(epoch from r.paid_until + v_share - take_request.at - interval '1 minute')
    into v_wait
  from tally.gateway_rates as r where r.organization_id = take_request.organization_id;
  return greatest(v_wait, 0.001);
end;
$$;
comment on function tally.take_request(uuid, integer, timestamptz) is
  'Counts a request against a rate. Null: it may go on; otherwise the seconds after which one may.';
revoke execute on function tally.take_request(uuid, integer, timestamptz)
  from public, anon, authenticated;
