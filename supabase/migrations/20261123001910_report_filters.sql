-- What reports are limited to and grouped by: filters of attributes, and one of them as dimension.

create type tally.report_filter as (
  provider text[],
  model text[],
  tool_name text[],
  operation text[],
  resource_type text[],
  service_tier text[],
  status text[],
  unit_type text[],
  is_byok text[],
  user_id text[],
  api_key_id text[]
);
comment on type tally.report_filter is
  'The values that a report is limited to, by attribute; a null in a list: events without one. Null: any.';

create function tally.read_filters(filters jsonb)
returns tally.report_filter
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_lists jsonb := '{}'::jsonb;
  v_key text;
  v_value jsonb;
  v_list text[];
begin
  perform tally.check_filters(read_filters.filters, array['provider', 'model',
    'tool_name', 'operation', 'resource_type', 'service_tier', 'status', 'unit_type', 'is_byok',
    'user_id', 'api_key_id']);
  for v_key, v_value in select f.key, f.value from jsonb_each(read_filters.filters) as f
    order by f.key loop
    if jsonb_typeof(v_value) <> 'array' then
      v_value := jsonb_build_array(v_value);
    end if;
    v_list := array(select e #>> '{}' from jsonb_array_elements(v_value) as e);
    if cardinality(v_list) not between 1 and 1000 or exists (
      select from jsonb_array_elements(v_value) as e where jsonb_typeof(e) in ('object', 'array')
    ) then
      perform tally.fail('PT400',
        format('filters.%s must be a value, null, or a list of up to 1000 of them.', v_key),
        'filters.' || v_key, 'null stands for events without one.');
    elsif v_key in ('user_id', 'api_key_id') then
      begin
        v_list := v_list::uuid[]::text[];
      exception when invalid_text_representation then
        perform tally.fail('PT400', format('filters.%s must be a uuid.', v_key),
          'filters.' || v_key);
      end;
    end if;
    v_lists := v_lists || jsonb_build_object(v_key, v_list);
  end loop;
  return jsonb_populate_record(null::tally.report_filter, v_lists);
end;
$$;
comment on function tally.read_filters(jsonb) is
  'Reads filters, {attribute: value, null or list of them}; raises PT400 for an unknown key or a value that cannot be.';
revoke execute on function tally.read_filters(jsonb) from public, anon, authenticated;

create function tally.passes(filter tally.report_filter, provider text, model text, tool_name text,
  operation text, resource_type text, service_tier text, status text, unit_type text,
  is_byok boolean)
returns boolean
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  f tally.report_filter := passes.filter;
begin
  -- array_position finds a null, too.
  return (f.provider is null or array_position(f.provider, passes.provider) is not null)
    and (f.model is null or array_position(f.model, passes.model) is not null)
    and (f.tool_name is null or array_position(f.tool_name, passes.tool_name) is not null)
    and (f.operation is null or array_position(f.operation, passes.operation) is not null)
    and (f.resource_type is null
      or array_position(f.resource_type, passes.resource_type) is not null)
    and (f.service_tier is null or array_position(f.service_tier, passes.service_tier) is not null)
    and (f.status is null or array_position(f.status, passes.status) is not null)
    and (f.unit_type is null or array_position(f.unit_type, passes.unit_type) is not null)
    and (f.is_byok is null or array_position(f.is_byok, passes.is_byok::text) is not null);
end;
$$;
comment on function tally.passes(tally.report_filter, text, text, text, text, text, text, text,
  text, boolean) is
  'Whether a filter lets a combination of attributes through.';
revoke execute on function tally.passes(tally.report_filter, text, text, text, text, text, text,
  text, text, boolean)
  from public, anon, authenticated;

create function tally.dimension_value(dimension text, provider text, model text, tool_name text,
  operation text, resource_type text, service_tier text, status text, unit_type text,
  is_byok boolean, user_id uuid, api_key_id uuid)
returns text
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return case dimension_value.dimension
    when 'provider' then dimension_value.provider
    when 'model' then dimension_value.model
    when 'tool_name' then dimension_value.tool_name
    when 'operation' then dimension_value.operation
    when 'resource_type' then dimension_value.resource_type
    when 'service_tier' then dimension_value.service_tier
    when 'status' then dimension_value.status
    when 'unit_type' then dimension_value.unit_type
    when 'is_byok' then dimension_value.is_byok::text
    when 'user_id' then dimension_value.user_id::text
    when 'api_key_id' then dimension_value.api_key_id::text
  end;
end;
$$;
comment on function tally.dimension_value(text, text, text, text, text, text, text, text, text,
  boolean, uuid, uuid) is
  'The attribute that a report groups by; null for no dimension.';
revoke execute on function tally.dimension_value(text, text, text, text, text, text, text, text,
  text, boolean, uuid, uuid)
  from public, anon, authenticated;

create function tally.has_conditions(filter tally.report_filter)
returns boolean
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  f tally.report_filter := has_conditions.filter;
begin
  f.user_id := null;
  f.api_key_id := null;
  -- A row is null when each of its fields is.
  return not (f is null);
end;
$$;
comment on function tally.has_conditions(tally.report_filter) is
  'Whether a filter looks at anything but users and API keys.';
revoke execute on function tally.has_conditions(tally.report_filter)
  from public, anon, authenticated;

create function tally.passing_dimensions(organization_id uuid, filter tally.report_filter)
returns bigint[]
language plpgsql stable security definer set search_path = ''
as $$
begin
  return array(
    select d.id
    from tally.usage_dimensions as d
    where d.organization_id = passing_dimensions.organization_id
      and tally.passes(passing_dimensions.filter, d.provider, d.model, d.tool_name, d.operation,
        d.resource_type, d.service_tier, d.status, d.unit_type, d.is_byok)
    order by d.id
  );
end;
$$;
comment on function tally.passing_dimensions(uuid, tally.report_filter) is
  'The ids of the combinations of attributes that a filter lets through.';
revoke execute on function tally.passing_dimensions(uuid, tally.report_filter)
  from public, anon, authenticated;
