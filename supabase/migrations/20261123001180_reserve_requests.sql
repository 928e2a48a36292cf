-- Reserve requests: what a caller says of a call to be admitted, read, checked, and bounded.

create type tally.reserve_request as (
  organization_id uuid,
  provider text,
  model text,
  user_id uuid,
  api_key_id uuid,
  execution_id uuid,
  tool_name text,
  operation text,
  resource_type text,
  service_tier text,
  session_id text,
  workflow_id text,
  estimated_cost numeric,
  estimated_tokens bigint,
  input_tokens bigint,
  max_output_tokens bigint,
  requests bigint,
  units numeric,
  unit_type text,
  expires_in numeric,
  idempotency_key text,
  is_byok boolean
);
comment on type tally.reserve_request is
  'What a caller may say of a call to be admitted: the keys of its JSON.';

create function tally.find_request_problem(request jsonb)
returns text
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_known text[];
  r tally.reserve_request;
begin
  select array_agg(a.attname::text) into v_known
  from pg_catalog.pg_attribute as a
  where a.attrelid = 'tally.reserve_request'::regclass;
  if find_request_problem.request - v_known <> '{}' then
    return (
      select min(k) || ' is not a field of a reserve request.'
      from jsonb_object_keys(find_request_problem.request - v_known) as k);
  end if;
  r := jsonb_populate_record(null::tally.reserve_request, find_request_problem.request);
  return case
    when r.organization_id is null then 'organization_id is missing.'
    when coalesce(btrim(r.provider), '') = '' then 'provider is missing.'
    when coalesce(btrim(r.model), '') = '' then 'model is missing.'
    when not r.estimated_cost between 0 and 1e9
      then 'estimated_cost must be a number from 0 to 1e9.'
    when r.estimated_tokens not between 0 and 1000000000000
      then 'estimated_tokens must be from 0 to 1e12.'
    when r.input_tokens not between 0 and 1000000000000
      then 'input_tokens must be from 0 to 1e12.'
    when r.max_output_tokens not between 0 and 1000000000000
      then 'max_output_tokens must be from 0 to 1e12.'
    when r.requests not between 1 and 1000000 then 'requests must be from 1 to 1000000.'
    when not r.units between 0 and 1e15 then 'units must be a number from 0 to 1e15.'
    when (r.units is null) <> (r.unit_type is null) then 'units and unit_type belong together.'
    when r.unit_type is not null and tally.unit_class(r.unit_type) is null
      then 'unit_type is not a unit of tally.usage_classes.'
    when not r.expires_in between 1 and 86400
      then 'expires_in must be from 1 to 86400 seconds.'
    when length(r.idempotency_key) not between 1 and 255
      then 'idempotency_key must have 1 to 255 characters.'
    when num_nonnulls(r.estimated_cost, r.input_tokens, r.units) = 0
      then 'estimated_cost is missing, or input_tokens with max_output_tokens, or units with unit_type.'
    when r.estimated_cost is null and (r.input_tokens is null) <> (r.max_output_tokens is null)
      then 'max_output_tokens and input_tokens belong together when there is no estimated_cost.'
  end;
end;
$$;
comment on function tally.find_request_problem(jsonb) is
  'The first rule that a reserve request breaks, as a sentence that begins with the field; null when it breaks none.';
revoke execute on function tally.find_request_problem(jsonb) from public, anon, authenticated;

create function tally.blame_request(request jsonb)
returns text
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_key text;
begin
  for v_key in select jsonb_object_keys(blame_request.request) loop
    begin
      perform jsonb_populate_record(null::tally.reserve_request,
        jsonb_build_object(v_key, blame_request.request -> v_key));
    exception when others then
      return format('%s has the wrong type: %s.', v_key,
        left((blame_request.request -> v_key)::text, 80));
    end;
  end loop;
  return null;
end;
$$;
comment on function tally.blame_request(jsonb) is
  'Names the field of a reserve request whose value has the wrong type.';
revoke execute on function tally.blame_request(jsonb) from public, anon, authenticated;

create function tally.read_request(request jsonb)
returns tally.reserve_request
language plpgsql stable security definer set search_path = ''
as $$
declare
  r tally.reserve_request;
  v_problem text;
  v_allows_members boolean;
begin
  if jsonb_typeof(read_request.request) is distinct from 'object' then
    perform tally.fail('PT400', 'A reserve request must be a JSON object.', 'request');
  end if;
  begin
    r := jsonb_populate_record(null::tally.reserve_request, read_request.request);
  exception when data_exception or datatype_mismatch then
    v_problem := coalesce(tally.blame_request(read_request.request), sqlerrm);
  end;
  -- One look finds the usual request to be fine; any other is looked at rule by rule.
  if v_problem is null and not coalesce(
    read_request.request - '{organization_id,provider,model,user_id,api_key_id,execution_id,tool_name,operation,resource_type,service_tier,session_id,workflow_id,input_tokens,max_output_tokens,expires_in,is_byok}'::text[] = '{}'
    and read_request.request @? '$ ? (@.input_tokens >= 0 && @.input_tokens <= 1e12
      && @.max_output_tokens >= 0 && @.max_output_tokens <= 1e12
      && (!exists(@.expires_in) || @.expires_in >= 1 && @.expires_in <= 86400))'
    and r.organization_id is not null and btrim(r.provider) <> '' and btrim(r.model) <> '', false)
  then
    v_problem := tally.find_request_problem(read_request.request);
  end if;
  if v_problem is not null then
    perform tally.fail('PT400', v_problem, split_part(v_problem, ' ', 1),
      'A request names organization_id, provider, model and either estimated_cost (USD) or input_tokens and max_output_tokens.');
  end if;
  select o.allow_client_tracking,
    coalesce(r.expires_in, extract(epoch from s.hold_lifetime))
  into v_allows_members, r.expires_in
  from public.organizations as o
  cross join tally.settings as s
  where o.id = r.organization_id;
  if v_allows_members is null or not tally.is_operator() then
    perform tally.require_recorder(r.organization_id);
    r.user_id := coalesce(r.user_id, auth.uid());
    if r.api_key_id is not null or r.user_id is distinct from auth.uid() then
      perform tally.fail('PT400', 'user_id must be your own, and api_key_id is set by the server.',
        'user_id, api_key_id');
    end if;
  end if;
  return r;
end;
$$;
comment on function tally.read_request(jsonb) is
  'Reads and checks a reserve request, and that the caller may make it. Its lifetime is made whole.';
revoke execute on function tally.read_request(jsonb) from public, anon, authenticated;

create function tally.request_cost(
  request tally.reserve_request, at timestamptz, out cost_usd numeric, out priced_model text)
language plpgsql stable security definer set search_path = ''
as $$
declare
  r tally.reserve_request := request_cost.request;
  v_bound record;
begin
  if r.estimated_cost is not null or r.input_tokens is null then
    select coalesce(m.to_model, r.model) into priced_model
    from (select) as one left join tally.resolve_model(r.provider, r.model) as m on true;
    cost_usd := r.estimated_cost;
  else
    v_bound := tally.upper_bound_cost(r.provider, r.model, r.input_tokens, r.max_output_tokens,
      r.organization_id, r.service_tier, request_cost.at);
    cost_usd := v_bound.cost_usd;
    priced_model := v_bound.priced_model;
  end if;
  if r.estimated_cost is null and r.units is not null then
    v_bound := tally.price_call(r.organization_id, r.provider, r.model,
      coalesce(r.service_tier, 'standard'),
      jsonb_build_object(tally.unit_class(r.unit_type), r.units), 0, request_cost.at);
    cost_usd := case when r.input_tokens is null then 0 else cost_usd end + v_bound.cost_usd;
  end if;
end;
$$;
comment on function tally.request_cost(tally.reserve_request, timestamptz) is
  'The upper bound of what a requested call costs, in USD, and the model whose card says so; null when its model has no price.';
revoke execute on function tally.request_cost(tally.reserve_request, timestamptz)
  from public, anon, authenticated;

create function tally.ceiling_cost(
  organization_id uuid, provider text, input_tokens bigint, output_tokens bigint, at timestamptz)
returns numeric
language plpgsql stable security definer set search_path = ''
as $$
begin
  if not exists (
    select from public.usage_quotas as q
    where q.organization_id = ceiling_cost.organization_id and q.metric = 'cost_usd'
      and q.unpriced_policy = 'ceiling'
  ) then
    return null;
  end if;
  return (
    select max(ceiling_cost.input_tokens * (c.unit_prices ->> 'input')::numeric
      + ceiling_cost.output_tokens * (c.unit_prices ->> 'output')::numeric)
    from public.cost_estimates as c
    where c.provider = ceiling_cost.provider and c.organization_id is null
      and c.withdrawn_at is null and c.valid_from <= ceiling_cost.at
      and coalesce(c.valid_to > ceiling_cost.at, true)
  );
end;
$$;
comment on function tally.ceiling_cost(uuid, text, bigint, bigint, timestamptz) is
  'What the dearest model of a provider would cost: the price of an unpriced model where a quota says unpriced_policy ceiling; null where none does.';
revoke execute on function tally.ceiling_cost(uuid, text, bigint, bigint, timestamptz)
  from public, anon, authenticated;

create function tally.requested_amounts(request tally.reserve_request, cost_usd numeric)
returns jsonb
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return jsonb_strip_nulls(jsonb_build_object(
    'cost_usd', requested_amounts.cost_usd,
    'total_tokens', coalesce((requested_amounts.request).estimated_tokens,
      (requested_amounts.request).input_tokens + (requested_amounts.request).max_output_tokens),
    'input_tokens', (requested_amounts.request).input_tokens,
    'output_tokens', (requested_amounts.request).max_output_tokens,
    'requests', (requested_amounts.request).requests,
    'units', (requested_amounts.request).units
  ));
end;
$$;
comment on function tally.requested_amounts(tally.reserve_request, numeric) is
  'Metric to the upper bound that a request asks for; a metric it says nothing about is absent.';
revoke execute on function tally.requested_amounts(tally.reserve_request, numeric)
  from public, anon, authenticated;

create function tally.requested_attribution(request tally.reserve_request)
returns jsonb
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  r alias for request;
begin
  return jsonb_strip_nulls(jsonb_build_object('operation', r.operation,
    'service_tier', r.service_tier, 'session_id', r.session_id, 'workflow_id', r.workflow_id,
    'execution_id', r.execution_id, 'is_byok', r.is_byok));
end;
$$;
comment on function tally.requested_attribution(tally.reserve_request) is
  'What a hold keeps of a request beside its columns, for the event of a hold that nobody settles.';
revoke execute on function tally.requested_attribution(tally.reserve_request)
  from public, anon, authenticated;
