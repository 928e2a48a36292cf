-- Reports of a range as a whole: totals, by dimension, by user.
--
-- The functions that a dashboard asks force generic plans, for all that they read: to plan each of
-- some twenty statements anew for every one of the first calls on a connection takes longer than
-- many a report.

create function tally.check_max_rows(max_rows integer)
returns void
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  if check_max_rows.max_rows not between 1 and 10000 or check_max_rows.max_rows is null then
    perform tally.fail('PT400', 'max_rows must be from 1 to 10000.', 'max_rows');
  end if;
end;
$$;
comment on function tally.check_max_rows(integer) is
  'Raises PT400 unless a report may have that many rows.';
revoke execute on function tally.check_max_rows(integer) from public, anon, authenticated;

create function tally.usage_totals(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb, timezone text)
returns table (request_count bigint, total_input_tokens bigint, total_output_tokens bigint,
  total_tokens bigint, total_cost_usd numeric, successful_count bigint, failed_count bigint,
  success_rate numeric, status_breakdown jsonb, cache_read_tokens bigint, cache_write_tokens bigint,
  reasoning_tokens bigint, unpriced_count bigint, average_duration_ms numeric)
language plpgsql stable security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  perform tally.check_report(usage_totals.organization_id, usage_totals.starts_at,
    usage_totals.ends_at, usage_totals.timezone);
  return query
  select
    coalesce(sum(u.request_count), 0)::bigint,
    coalesce(sum(u.input_tokens), 0)::bigint,
    coalesce(sum(u.output_tokens), 0)::bigint,
    coalesce(sum(u.input_tokens + u.output_tokens), 0)::bigint,
    trim_scale(coalesce(sum(u.cost_usd), 0)),
    coalesce(sum(u.request_count) filter (where u.dimension = 'success'), 0)::bigint,
    coalesce(sum(u.request_count) filter (where u.dimension <> 'success'), 0)::bigint,
    round(100 * coalesce(sum(u.request_count) filter (where u.dimension = 'success'), 0)
      / nullif(sum(u.request_count), 0), 2),
    coalesce(jsonb_object_agg(u.dimension, u.request_count) filter (where u.request_count > 0),
      '{}'),
    coalesce(sum(u.cache_read_tokens), 0)::bigint,
    coalesce(sum(u.cache_write_tokens), 0)::bigint,
    coalesce(sum(u.reasoning_tokens), 0)::bigint,
    coalesce(sum(u.unpriced_count), 0)::bigint,
    round(sum(u.duration_ms) / nullif(sum(u.duration_count), 0), 1)
  from tally.usage_range(usage_totals.organization_id, array[usage_totals.starts_at,
    usage_totals.ends_at],
    usage_totals.filters, 'status') as u;
end;
$$;
comment on function tally.usage_totals(uuid, timestamptz, timestamptz, jsonb, text) is
  'Behind public.usage_totals.';
revoke execute on function tally.usage_totals(uuid, timestamptz, timestamptz, jsonb, text)
  from public, anon, authenticated;
grant execute on function tally.usage_totals(uuid, timestamptz, timestamptz, jsonb, text)
  to authenticated, service_role;

create function public.usage_totals(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb default '{}',
  timezone text default null)
returns table (request_count bigint, total_input_tokens bigint, total_output_tokens bigint,
  total_tokens bigint, total_cost_usd numeric, successful_count bigint, failed_count bigint,
  success_rate numeric, status_breakdown jsonb, cache_read_tokens bigint, cache_write_tokens bigint,
  reasoning_tokens bigint, unpriced_count bigint, average_duration_ms numeric)
language sql stable security invoker set search_path = ''
as $$
  select r.*
  from tally.usage_totals(usage_totals.organization_id, usage_totals.starts_at,
    usage_totals.ends_at, usage_totals.filters, usage_totals.timezone) as r
$$;
comment on function public.usage_totals(uuid, timestamptz, timestamptz, jsonb, text) is
  'What an organization used from starts_at until before ends_at: one row, also when that is nothing. success_rate is in percent (null without requests), status_breakdown is {status: requests}, total_cost_usd has the adjustments of re-rating. filters: {attribute: value, null or list of them}. Errors: PT400, PT403.';
revoke execute on function public.usage_totals(uuid, timestamptz, timestamptz, jsonb, text)
  from public, anon, authenticated;
grant execute on function public.usage_totals(uuid, timestamptz, timestamptz, jsonb, text)
  to authenticated, service_role;

create function tally.usage_breakdown(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb, timezone text,
  by text, max_rows integer)
returns table (dimension text, request_count bigint, total_input_tokens bigint,
  total_output_tokens bigint, total_tokens bigint, total_cost_usd numeric, total_units numeric,
  unpriced_count bigint, average_duration_ms numeric, percent_of_cost numeric)
language plpgsql stable security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  perform tally.check_report(usage_breakdown.organization_id, usage_breakdown.starts_at,
    usage_breakdown.ends_at, usage_breakdown.timezone);
  if usage_breakdown.by is null then
    perform tally.fail('PT400', 'dimension is missing.', 'dimension');
  elsif usage_breakdown.by in ('user_id', 'api_key_id') then
    perform tally.require_admin(usage_breakdown.organization_id);
  end if;
  perform tally.check_max_rows(usage_breakdown.max_rows);
  return query
  select u.dimension, u.request_count, u.input_tokens, u.output_tokens,
    u.input_tokens + u.output_tokens, u.cost_usd, u.units, u.unpriced_count,
    round(u.duration_ms::numeric / nullif(u.duration_count, 0), 1),
    round(100 * u.cost_usd / nullif(sum(u.cost_usd) over (), 0), 2)
  from tally.usage_range(usage_breakdown.organization_id,
    array[usage_breakdown.starts_at, usage_breakdown.ends_at], usage_breakdown.filters,
    usage_breakdown.by) as u
  order by u.cost_usd desc, u.request_count desc, u.dimension
  limit usage_breakdown.max_rows;
end;
$$;
comment on function tally.usage_breakdown(uuid, timestamptz, timestamptz, jsonb, text,
  text, integer) is
  'Behind public.usage_breakdown.';
revoke execute on function tally.usage_breakdown(uuid, timestamptz, timestamptz, jsonb, text,
  text, integer)
  from public, anon, authenticated;
grant execute on function tally.usage_breakdown(uuid, timestamptz, timestamptz, jsonb, text,
  text, integer)
  to authenticated, service_role;

create function public.usage_breakdown(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb default '{}',
  timezone text default null, dimension text default 'model', max_rows integer default 1000)
returns table (dimension text, request_count bigint, total_input_tokens bigint,
  total_output_tokens bigint, total_tokens bigint, total_cost_usd numeric, total_units numeric,
  unpriced_count bigint, average_duration_ms numeric, percent_of_cost numeric)
language sql stable security invoker set search_path = ''
as $$
  select r.*
  from tally.usage_breakdown(usage_breakdown.organization_id, usage_breakdown.starts_at,
    usage_breakdown.ends_at, usage_breakdown.filters, usage_breakdown.timezone,
    usage_breakdown.dimension, usage_breakdown.max_rows) as r
$$;
comment on function public.usage_breakdown(uuid, timestamptz, timestamptz, jsonb, text,
  text, integer) is
  'The same by one dimension, dearest first: provider, model, tool_name, operation, resource_type, service_tier, status, unit_type, is_byok, and for admins user_id and api_key_id. dimension is null for events without one; percent_of_cost is of the whole range. Errors: PT400, PT403.';
revoke execute on function public.usage_breakdown(uuid, timestamptz, timestamptz, jsonb, text,
  text, integer)
  from public, anon, authenticated;
grant execute on function public.usage_breakdown(uuid, timestamptz, timestamptz, jsonb, text,
  text, integer)
  to authenticated, service_role;

create function tally.top_users(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb, timezone text,
  max_rows integer)
returns table (user_id uuid, request_count bigint, total_input_tokens bigint,
  total_output_tokens bigint, total_tokens bigint, total_cost_usd numeric, unpriced_count bigint,
  percent_of_cost numeric)
language plpgsql stable security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  perform tally.check_report(top_users.organization_id, top_users.starts_at, top_users.ends_at,
    top_users.timezone);
  perform tally.require_admin(top_users.organization_id);
  perform tally.check_max_rows(top_users.max_rows);
  return query
  select t.* from (
    select u.dimension::uuid as user_id, u.request_count, u.input_tokens, u.output_tokens,
      u.input_tokens + u.output_tokens, u.cost_usd, u.unpriced_count,
      round(100 * u.cost_usd / nullif(sum(u.cost_usd) over (), 0), 2)
    from tally.usage_range(top_users.organization_id, array[top_users.starts_at, top_users.ends_at],
      top_users.filters,
      'user_id') as u
    order by u.cost_usd desc, u.request_count desc, u.dimension
  ) as t
  where t.user_id is not null
  limit top_users.max_rows;
end;
$$;
comment on function tally.top_users(uuid, timestamptz, timestamptz, jsonb, text, integer) is
  'Behind public.top_users.';
revoke execute on function tally.top_users(uuid, timestamptz, timestamptz, jsonb, text, integer)
  from public, anon, authenticated;
grant execute on function tally.top_users(uuid, timestamptz, timestamptz, jsonb, text, integer)
  to authenticated, service_role;

create function public.top_users(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb default '{}',
  timezone text default null, max_rows integer default 10)
returns table (user_id uuid, request_count bigint, total_input_tokens bigint,
  total_output_tokens bigint, total_tokens bigint, total_cost_usd numeric, unpriced_count bigint,
  percent_of_cost numeric)
language sql stable security invoker set search_path = ''
as $$
  select r.*
  from tally.top_users(top_users.organization_id, top_users.starts_at, top_users.ends_at,
    top_users.filters, top_users.timezone, top_users.max_rows) as r
$$;
comment on function public.top_users(uuid, timestamptz, timestamptz, jsonb, text, integer) is
  'The users who cost most (admins), dearest first. percent_of_cost is of the whole range, events without a user included. Errors: PT400, PT403.';
revoke execute on function public.top_users(uuid, timestamptz, timestamptz, jsonb, text, integer)
  from public, anon, authenticated;
grant execute on function public.top_users(uuid, timestamptz, timestamptz, jsonb, text, integer)
  to authenticated, service_role;
