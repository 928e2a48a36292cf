-- What a batch asks of the price book and of its organizations, once for all of its events.

create function tally.refusal_of(organization_id uuid)
returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform tally.require_recorder(refusal_of.organization_id);
  return null;
exception when sqlstate 'PT400' or sqlstate 'PT403' or sqlstate 'PT404' then
  return jsonb_build_object('code', sqlstate, 'field', 'organization_id', 'message', sqlerrm);
end;
$$;
comment on function tally.refusal_of(uuid) is
  'Why the caller may not record for an organization, as the problem of an event; null when he may.';
revoke execute on function tally.refusal_of(uuid) from public, anon, authenticated;

create function tally.batch_payers(
  organization_ids uuid[], starts_at timestamptz, ends_at timestamptz)
returns table (organization_id uuid, refusal jsonb, factor numeric)
language plpgsql stable security definer rows 100 set search_path = ''
  set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_is_operator boolean := tally.is_operator();
begin
  return query
  select d.id,
    case when o.id is null or not v_is_operator then tally.refusal_of(d.id) end,
    case when n.organization_id is null and m.holds is not false then coalesce(m.factor, 1) end
  from unnest(batch_payers.organization_ids) as d (id)
  left join (
    select o.id from public.organizations as o where o.id = any (batch_payers.organization_ids)
  ) as o on o.id = d.id
  left join (
    select k.organization_id, max(k.factor) as factor, bool_and(
      k.provider is null and k.model is null and k.valid_from <= batch_payers.starts_at
      and (k.valid_to is null or k.valid_to > batch_payers.ends_at)) as holds
    from public.price_markups as k
    where k.organization_id = any (batch_payers.organization_ids)
      and k.valid_from <= batch_payers.ends_at
      and (k.valid_to is null or k.valid_to > batch_payers.starts_at)
    group by k.organization_id
  ) as m on m.organization_id = d.id
  left join (
    select distinct e.organization_id
    from public.cost_estimates as e
    where e.organization_id = any (batch_payers.organization_ids)
  ) as n on n.organization_id = d.id;
end;
$$;
comment on function tally.batch_payers(uuid[], timestamptz, timestamptz) is
  'Whether the caller may record for each organization (refusal: why not), and the one factor on list prices that it pays for a whole span of time; factor null: it has prices of its own, or several.';
revoke execute on function tally.batch_payers(uuid[], timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.batch_cards(
  providers text[], models text[], service_tiers text[], starts_at timestamptz, ends_at timestamptz)
returns table (
  provider text, model text, service_tier text, from_tokens bigint, below_tokens bigint,
  price_id bigint, priced_model text, unit_prices jsonb, input_price numeric,
  cache_read_price numeric, cache_write_price numeric, output_price numeric,
  reasoning_price numeric)
language plpgsql stable security definer rows 10 set search_path = ''
  set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select c.provider, c.model, c.service_tier, coalesce(c.context_from, 0), c.below_tokens, c.id,
    c.priced_model, c.unit_prices, (c.unit_prices -> 'input')::numeric,
    (c.unit_prices -> 'cache_read')::numeric, (c.unit_prices -> 'cache_write')::numeric,
    (c.unit_prices -> 'output')::numeric, (c.unit_prices -> 'reasoning')::numeric
  from (
    select m.provider, m.model, m.service_tier, coalesce(r.to_model, m.model) as priced_model,
      e.id, e.context_from, e.unit_prices,
      lead(e.context_from, 1, 9223372036854775807) over by_band as below_tokens,
      bool_and(
        e.id is null or e.daily_from is null and e.valid_from <= batch_cards.starts_at
        and (e.valid_to is null or e.valid_to > batch_cards.ends_at)
      ) over (partition by m.place) as holds
    from unnest(batch_cards.providers, batch_cards.models, batch_cards.service_tiers)
      with ordinality as m (provider, model, service_tier, place)
    -- As tally.price_call: an id with a card of its own comes before any alias.
    left join lateral (
      select t.to_provider, t.to_model
      from tally.resolve_model(m.provider, m.model) as t
      where (
        select true
        from public.cost_estimates as o
        where o.provider = m.provider and o.model = m.model
        limit 1
      ) is null
      limit 1
    ) as r on true
    left join lateral (
      select e.id, e.unit_prices, e.context_from, e.daily_from, e.valid_from, e.valid_to
      from public.cost_estimates as e
      where e.provider = coalesce(r.to_provider, m.provider)
        and e.model = coalesce(r.to_model, m.model)
        and e.service_tier = m.service_tier and e.organization_id is null and e.withdrawn_at is null
        and e.valid_from <= batch_cards.ends_at
        and (e.valid_to is null or e.valid_to > batch_cards.starts_at)
      offset 0
    ) as e on true
    window by_band as (partition by m.place order by e.context_from)
  ) as c
  where c.holds;
end;
$$;
comment on function tally.batch_cards(text[], text[], text[], timestamptz, timestamptz) is
  'The list cards that price every call of some models in a span of time, one a band of prompt tokens; a row without a card for a model that has none. No row: its prices change within the span.';
revoke execute on function tally.batch_cards(text[], text[], text[], timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.unit_class(unit_type text)
returns text
language plpgsql stable security definer set search_path = ''
as $$
begin
  return (
    select c.class
    from tally.usage_classes as c
    where c.kind = 'unit' and lower(unit_class.unit_type) in (c.class, c.plural)
  );
end;
$$;
comment on function tally.unit_class(text) is 'The class that a unit names, in the singular or the plural; null: none.';
revoke execute on function tally.unit_class(text) from public, anon, authenticated;
