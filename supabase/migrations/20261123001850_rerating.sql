-- Re-rating: events are never updated; what a later price changes is appended, with its reason.

create function tally.check_filters(filters jsonb, allowed text[])
returns void
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_unknown text;
begin
  if jsonb_typeof(check_filters.filters) is distinct from 'object' then
    perform tally.fail('PT400', 'filters must be a JSON object.', 'filters',
      format('Keys: %s.', array_to_string(check_filters.allowed, ', ')));
  end if;
  select min(k) into v_unknown
  from jsonb_object_keys(check_filters.filters) as k where k <> all (check_filters.allowed);
  if v_unknown is not null then
    perform tally.fail('PT400', format('filters has no key %L.', v_unknown),
      'filters.' || v_unknown, format('Keys: %s.', array_to_string(check_filters.allowed, ', ')));
  end if;
end;
$$;
comment on function tally.check_filters(jsonb, text[]) is
  'Raises PT400 unless filters is an object of known keys.';
revoke execute on function tally.check_filters(jsonb, text[]) from public, anon, authenticated;

create function tally.repriced_events(filters jsonb)
returns table (event public.token_usage, old_cost_usd numeric, new_cost_usd numeric,
  new_price_id bigint, priced_model text)
language plpgsql stable security definer set search_path = ''
as $$
begin
  return query
  select u, o.cost_usd, p.cost_usd, p.price_id, p.priced_model
  from public.token_usage as u
  cross join lateral (
    select case when u.cost_usd is not null or count(a.id) > 0
      then coalesce(u.cost_usd, 0) + coalesce(sum(a.delta_usd), 0) end as cost_usd
    from public.cost_adjustments as a
    where a.organization_id = u.organization_id and a.event_id = u.id
  ) as o
  cross join lateral tally.price_call(u.organization_id, u.provider, u.model,
    u.service_tier, u.classes, u.input_tokens, u.created_at) as p
  where (u.price_id is not null or u.cost_usd is null)
    and p.cost_usd is not null
    and p.cost_usd is distinct from o.cost_usd
    and (repriced_events.filters ->> 'organization_id' is null
      or u.organization_id = (repriced_events.filters ->> 'organization_id')::uuid)
    and (repriced_events.filters ->> 'provider' is null
      or u.provider = repriced_events.filters ->> 'provider')
    and (repriced_events.filters ->> 'model' is null
      or u.model = repriced_events.filters ->> 'model')
    and u.created_at >= coalesce((repriced_events.filters ->> 'starts_at')::timestamptz,
      '-infinity')
    and u.created_at < coalesce((repriced_events.filters ->> 'ends_at')::timestamptz, 'infinity');
end;
$$;
comment on function tally.repriced_events(jsonb) is
  'The events that the cards of their own moments price differently today. A cost that the operator stated himself is left alone.';
revoke execute on function tally.repriced_events(jsonb) from public, anon, authenticated;

create function tally.rerate_usage(filters jsonb, reason text, dry_run boolean)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_answer jsonb;
begin
  perform tally.require_operator('re-rate usage');
  perform tally.check_filters(rerate_usage.filters, array['organization_id', 'provider', 'model',
    'starts_at', 'ends_at']);
  if btrim(coalesce(rerate_usage.reason, '')) = '' then
    perform tally.fail('PT400', 'reason is missing.', 'reason',
      'Say why the cost changes; it is kept with every adjustment.');
  end if;
  -- One run at a time: two would append one difference twice.
  perform pg_advisory_xact_lock(hashtextextended('tally.rerate_usage', 0));
  if rerate_usage.dry_run then
    select jsonb_build_object('dry_run', true, 'events', count(*),
      'newly_priced', count(*) filter (where r.old_cost_usd is null),
      'delta_usd', trim_scale(coalesce(sum(r.new_cost_usd - coalesce(r.old_cost_usd, 0)), 0)))
    into v_answer
    from tally.repriced_events(rerate_usage.filters) as r;
    return v_answer;
  end if;
  with repriced as materialized (
    select r.* from tally.repriced_events(rerate_usage.filters) as r
  ),
  adjusted as (
    insert into public.cost_adjustments as a (organization_id, event_id, event_created_at,
      user_id, api_key_id, provider, model, priced_model, tool_name, resource_type, old_cost_usd,
      new_cost_usd, delta_usd, old_price_id, new_price_id, reason)
    select (r.event).organization_id, (r.event).id, (r.event).created_at, (r.event).user_id,
      (r.event).api_key_id, (r.event).provider, (r.event).model, r.priced_model,
      (r.event).tool_name, (r.event).resource_type, r.old_cost_usd, r.new_cost_usd,
      r.new_cost_usd - coalesce(r.old_cost_usd, 0), (r.event).price_id, r.new_price_id,
      btrim(rerate_usage.reason)
    from repriced as r
    returning a.*
  ),
  counted as (
    insert into tally.usage_deltas (organization_id, due_at, adjustment_ids, is_beyond_hold)
    select a.organization_id, max(a.event_created_at), array_agg(a.id), bool_or(a.delta_usd > 0)
    from adjusted as a
    group by a.organization_id
  )
  select jsonb_build_object('dry_run', false, 'events', count(*),
    'newly_priced', count(*) filter (where a.old_cost_usd is null),
    'delta_usd', trim_scale(coalesce(sum(a.delta_usd), 0)))
  into v_answer
  from adjusted as a;
  return v_answer;
end;
$$;
comment on function tally.rerate_usage(jsonb, text, boolean) is 'Behind public.rerate_usage.';
revoke execute on function tally.rerate_usage(jsonb, text, boolean)
  from public, anon, authenticated;
grant execute on function tally.rerate_usage(jsonb, text, boolean) to authenticated, service_role;

create function public.rerate_usage(filters jsonb, reason text, dry_run boolean default false)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.rerate_usage(rerate_usage.filters, rerate_usage.reason, rerate_usage.dry_run)
$$;
comment on function public.rerate_usage(jsonb, text, boolean) is
  'Prices events again by the cards of their own moments (operator) and appends the differences to cost_adjustments: {dry_run, events, newly_priced, delta_usd}. filters: organization_id, provider, model, starts_at, ends_at. Quotas and summaries follow; a second run changes nothing.';
revoke execute on function public.rerate_usage(jsonb, text, boolean)
  from public, anon, authenticated;
grant execute on function public.rerate_usage(jsonb, text, boolean) to authenticated, service_role;
