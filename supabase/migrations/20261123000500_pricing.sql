-- Pricing: which model an id names, what a call costs, what it may cost at most.

create table tally.model_aliases (
  provider text not null,
  alias text not null,
  to_provider text,
  to_model text,
  source text not null,
  primary key (provider, alias),
  constraint target_is_whole check ((to_provider is null) = (to_model is null))
);
comment on table tally.model_aliases is
  'Which priced model an id names. Documented by the book, or resolved once by a rule and remembered; no target: looked up before and unknown.';
alter table tally.model_aliases enable row level security;

create table tally.provider_aliases (
  alias text primary key,
  to_provider text not null
);
comment on table tally.provider_aliases is
  'Other names of providers, by which clouds, gateways and SDKs know them.';
alter table tally.provider_aliases enable row level security;

insert into tally.provider_aliases (alias, to_provider) values
  ('bedrock', 'aws'), ('amazon-bedrock', 'aws'), ('aws-bedrock', 'aws'), ('amazon', 'aws'),
  ('gemini', 'google'), ('vertex', 'google'), ('vertexai', 'google'), ('vertex_ai', 'google'),
  ('google-vertex', 'google'), ('google.vertex', 'google'), ('google.generative-ai', 'google'),
  ('googleai', 'google'),
  ('x-ai', 'xai'), ('xai.chat', 'xai'), ('xai.responses', 'xai'),
  ('azure-openai', 'azure'), ('azure_openai', 'azure'), ('azure.chat', 'azure'),
  ('openai.chat', 'openai'), ('openai.responses', 'openai'), ('openai.embedding', 'openai'),
  ('anthropic.messages', 'anthropic'), ('mistral.chat', 'mistral'), ('groq.chat', 'groq'),
  ('voyage', 'voyageai'), ('together_ai', 'together'), ('fireworks_ai', 'fireworks'),
  ('deepseek.chat', 'deepseek');

create table tally.model_rules (
  provider text not null,
  position integer not null,
  kind text not null,
  pattern text not null,
  to_provider text not null,
  to_model text not null,
  primary key (provider, position),
  constraint kind_is_known check (kind in ('starts_with', 'ends_with', 'contains', 'regex'))
);
comment on table tally.model_rules is
  'How the book''s source recognizes further ids of a model. The first rule by position wins; exact ids and aliases come before all rules.';
alter table tally.model_rules enable row level security;

create function tally.match_model(provider text, model text)
returns table (to_provider text, to_model text)
language plpgsql stable security definer set search_path = ''
  set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select r.to_provider, r.to_model
  from tally.model_rules as r
  where r.provider = match_model.provider
    and case r.kind
      when 'starts_with' then starts_with(match_model.model, r.pattern)
      when 'ends_with' then right(match_model.model, length(r.pattern)) = r.pattern
      when 'contains' then strpos(match_model.model, r.pattern) > 0
      else match_model.model ~ r.pattern
    end
  order by r.position
  limit 1;
end;
$$;
comment on function tally.match_model(text, text) is
  'The priced model whose rule recognizes an id; no row when none does.';
revoke execute on function tally.match_model(text, text) from public, anon, authenticated;
grant execute on function tally.match_model(text, text) to service_role;

create function tally.in_daily_window(at timestamptz, daily_from time, daily_to time)
returns boolean
language sql immutable security invoker set search_path = ''
as $$
  select case
    when in_daily_window.daily_from is null then true
    when in_daily_window.daily_from < in_daily_window.daily_to then
      (in_daily_window.at at time zone 'UTC')::time >= in_daily_window.daily_from
      and (in_daily_window.at at time zone 'UTC')::time < in_daily_window.daily_to
    else
      (in_daily_window.at at time zone 'UTC')::time >= in_daily_window.daily_from
      or (in_daily_window.at at time zone 'UTC')::time < in_daily_window.daily_to
  end
$$;
comment on function tally.in_daily_window(timestamptz, time, time) is
  'Whether a moment is within a daily window in UTC, which may run past midnight; no window: always.';
revoke execute on function tally.in_daily_window(timestamptz, time, time) from public, anon,
  authenticated;
grant execute on function tally.in_daily_window(timestamptz, time, time) to service_role;

create function tally.price_call(
  organization_id uuid, provider text, model text, service_tier text, classes jsonb,
  prompt_tokens bigint,
  at timestamptz, out cost_usd numeric, out price_id bigint, out priced_model text)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_provider text := price_call.provider;
  v_model text := price_call.model;
begin
  -- The one place where use becomes money. An id with a card of its own comes before any alias.
  -- The markup is that of tally.markup_of, without the call.
  for v_attempt in 1..2 loop
    select
      e.id,
      -- Prices of a class are exact decimals per token or unit, so the sum is exact; a class
      -- without a price (NaN) makes the whole call unpriced, never cheaper.
      trim_scale((
        select nullif(coalesce(
          sum(q.value::numeric * coalesce((e.unit_prices -> q.key)::numeric, 'NaN')), 0), 'NaN')
        from jsonb_each(price_call.classes) as q
        where q.value <> '0'
      ) * case when e.organization_id is null then coalesce((
        select m.factor
        from public.price_markups as m
        where m.organization_id = price_call.organization_id
          and (m.provider is null or m.provider = price_call.provider)
          and (m.model is null or m.model = v_model)
          and m.valid_from <= price_call.at
          and (m.valid_to is null or m.valid_to > price_call.at)
        order by m.model nulls last, m.provider nulls last
        limit 1
      ), 1) else 1 end)
    into price_id, cost_usd
    from public.cost_estimates as e
    where e.provider = v_provider
      and e.model = v_model
      and e.service_tier = price_call.service_tier
      and (e.organization_id is null or e.organization_id = price_call.organization_id)
      and e.valid_from <= price_call.at
      and (e.valid_to is null or e.valid_to > price_call.at)
      and e.withdrawn_at is null
      and e.context_from <= price_call.prompt_tokens
      and (e.daily_from is null or tally.in_daily_window(price_call.at, e.daily_from, e.daily_to))
    order by e.organization_id nulls last, e.context_from desc, e.daily_from
    limit 1;
    exit when found or v_attempt = 2;
    select r.to_provider, r.to_model into v_provider, v_model
    from tally.resolve_model(price_call.provider, price_call.model) as r;
    exit when not found;
  end loop;
  priced_model := coalesce(v_model, price_call.model);
end;
$$;
comment on function tally.price_call(uuid, text, text, text, jsonb, bigint, timestamptz) is
  'Prices a call by the card of its moment, tier and band: the cost in USD, the card, and the model that its id names. Cost null: the model or a class has no price.';
revoke execute on function tally.price_call(uuid, text, text, text, jsonb, bigint, timestamptz)
  from public, anon, authenticated;

create function tally.resolve_model(
  provider text, model text, out to_provider text, out to_model text)
returns setof record
language plpgsql stable security definer set search_path = '' set enable_seqscan = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_provider text := resolve_model.provider;
begin
  -- Under its own name first; then, once, under the name that the book has for the provider.
  for v_attempt in 1..2 loop
    if exists (
      select from public.cost_estimates as e where e.provider = v_provider
        and e.model = resolve_model.model
    ) then
      if v_attempt = 2 then
        to_provider := v_provider;
        to_model := resolve_model.model;
        return next;
      end if;
      return;
    end if;
    select a.to_provider, a.to_model into to_provider, to_model
    from tally.model_aliases as a
    where a.provider = v_provider and a.alias = resolve_model.model;
    if not found then
      select m.to_provider, m.to_model into to_provider, to_model
      from tally.match_model(v_provider, resolve_model.model) as m;
    end if;
    if to_model is not null then
      return next;
      return;
    end if;
    select p.to_provider into v_provider from tally.provider_aliases as p
      where p.alias = resolve_model.provider;
    exit when not found;
  end loop;
end;
$$;
comment on function tally.resolve_model(text, text) is
  'The priced model that an id without a card of its own names, by alias or rule; no row: the id itself.';
revoke execute on function tally.resolve_model(text, text) from public, anon, authenticated;
grant execute on function tally.resolve_model(text, text) to service_role;

create function tally.remember_model(provider text, model text)
returns void
language plpgsql volatile security definer set search_path = '' set enable_seqscan = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  if exists (
    select from tally.model_aliases as a
    where a.provider = remember_model.provider and a.alias = remember_model.model
  ) or exists (
    select from public.cost_estimates as e
    where e.provider = remember_model.provider and e.model = remember_model.model
  ) then
    return;
  end if;
  insert into tally.model_aliases (provider, alias, to_provider, to_model, source)
  select remember_model.provider, remember_model.model, m.to_provider, m.to_model, 'rule'
  from (values (1)) as one
  left join tally.resolve_model(remember_model.provider, remember_model.model) as m on true
  on conflict do nothing;
end;
$$;
comment on function tally.remember_model(text, text) is
  'Resolves an id that has no card of its own, once; an id that nothing recognizes is remembered as such.';
revoke execute on function tally.remember_model(text, text) from public, anon, authenticated;

create function tally.check_classes(classes jsonb)
returns void
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_bad record;
begin
  if jsonb_typeof(check_classes.classes) is distinct from 'object' then
    perform tally.fail('PT400', 'classes must be an object of class and quantity.', 'classes',
      'For example {"input": 86, "cache_read": 1920, "output": 300}.');
  end if;
  select q.key, q.value, c.kind into v_bad
  from jsonb_each(check_classes.classes) as q
  left join tally.usage_classes as c on c.class = q.key
  where c.class is null
    or jsonb_typeof(q.value) <> 'number'
    or (q.value)::text::numeric not between 0 and 1e15
    or (c.kind <> 'unit' and (q.value)::text::numeric % 1 <> 0)
  order by q.key
  limit 1;
  if v_bad.key is null then
    return;
  elsif v_bad.kind is null then
    perform tally.fail('PT400', format('%L is not a class of use.', v_bad.key), 'classes',
      'Classes are listed in tally.usage_classes.');
  else
    perform tally.fail('PT400',
      format('The quantity of %L must be a %s from 0 to 1e15, not %s.', v_bad.key,
        case when v_bad.kind = 'unit' then 'number' else 'whole number' end, v_bad.value),
      'classes');
  end if;
end;
$$;
comment on function tally.check_classes(jsonb) is
  'Raises PT400 unless every key is a known class with a possible quantity.';
revoke execute on function tally.check_classes(jsonb) from public, anon, authenticated;
grant execute on function tally.check_classes(jsonb) to service_role;

create function tally.estimate_cost(
  provider text, model text, input_tokens bigint, output_tokens bigint,
  classes jsonb, organization_id uuid, at timestamptz)
returns table (cost_usd numeric, price_id bigint)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_classes jsonb := coalesce(estimate_cost.classes, jsonb_build_object(
    'input', coalesce(estimate_cost.input_tokens, 0),
    'output', coalesce(estimate_cost.output_tokens, 0)));
  v_prompt bigint;
begin
  if estimate_cost.organization_id is not null then
    perform tally.require_member(estimate_cost.organization_id);
  end if;
  if estimate_cost.input_tokens < 0 or estimate_cost.output_tokens < 0 then
    perform tally.fail('PT400', 'Token counts must be zero or more.',
      'input_tokens, output_tokens');
  end if;
  perform tally.check_classes(v_classes);
  select coalesce(sum((q.value)::numeric), 0) into v_prompt
  from jsonb_each(v_classes) as q
  join tally.usage_classes as c on c.class = q.key and c.kind = 'input';
  select p.cost_usd, p.price_id into estimate_cost.cost_usd, estimate_cost.price_id
  from tally.price_call(
    estimate_cost.organization_id, estimate_cost.provider, estimate_cost.model, 'standard',
    v_classes, v_prompt, coalesce(estimate_cost.at, now())) as p;
  if estimate_cost.cost_usd is null then
    perform tally.fail('PT422',
      format('There is no price for %s of %s.', estimate_cost.model, estimate_cost.provider),
      format('provider %s, model %s, classes %s, at %s', estimate_cost.provider,
        estimate_cost.model, v_classes, estimate_cost.at),
      'Look for the model in cost_estimates, or let the operator add it with set_price().');
  end if;
  return next;
end;
$$;
comment on function tally.estimate_cost(text, text, bigint, bigint, jsonb, uuid, timestamptz) is
  'Behind public.estimate_cost.';
revoke execute on function tally.estimate_cost(text, text, bigint, bigint, jsonb, uuid, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.estimate_cost(text, text, bigint, bigint, jsonb, uuid, timestamptz)
  to authenticated, service_role;

create function public.estimate_cost(
  provider text, model text, input_tokens bigint, output_tokens bigint,
  classes jsonb default null, organization_id uuid default null, at timestamptz default now())
returns table (cost_usd numeric, price_id bigint)
language sql stable security invoker set search_path = ''
as $$
  select e.cost_usd, e.price_id
  from tally.estimate_cost(estimate_cost.provider, estimate_cost.model, estimate_cost.input_tokens,
    estimate_cost.output_tokens, estimate_cost.classes, estimate_cost.organization_id,
    estimate_cost.at) as e
$$;
comment on function public.estimate_cost(text, text, bigint, bigint, jsonb, uuid, timestamptz) is
  'What a call would cost in USD by the card valid at `at`: by `classes` (disjoint quantities) when given, else plain input and output tokens. Unknown model or class: PT422.';
revoke execute on function public.estimate_cost(text, text, bigint, bigint, jsonb, uuid,
  timestamptz)
  from public, anon, authenticated;
grant execute on function public.estimate_cost(text, text, bigint, bigint, jsonb, uuid, timestamptz)
  to authenticated, service_role;

create function tally.dearest_price(dearest numeric, unit_prices jsonb, classes text[], kind text)
returns numeric
language plpgsql stable security definer set search_path = ''
  set plan_cache_mode = force_generic_plan
as $$
begin
  return (
    select greatest(dearest_price.dearest, max((dearest_price.unit_prices -> c.class)::numeric))
    from tally.usage_classes as c
    where c.class = any (dearest_price.classes) and c.kind = dearest_price.kind
  );
end;
$$;
comment on function tally.dearest_price(numeric, jsonb, text[], text) is
  'The highest price of a card among those that always may apply (dearest) and those of the given classes of one kind.';
revoke execute on function tally.dearest_price(numeric, jsonb, text[], text) from public, anon,
  authenticated;

create function tally.upper_bound_cost(
  provider text, model text, input_tokens bigint, output_tokens bigint,
  organization_id uuid default null, service_tier text default null, at timestamptz default now(),
  classes text[] default null, out cost_usd numeric, out price_id bigint, out priced_model text)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_provider text := upper_bound_cost.provider;
begin
  priced_model := upper_bound_cost.model;
  -- As tally.price_call: an id with a card of its own comes before any alias.
  for v_attempt in 1..2 loop
    -- Every band that the bound reaches is a candidate: the real prompt may be shorter than it.
    select b.id, trim_scale(b.bound * case when b.organization_id is null then coalesce((
        select m.factor
        from public.price_markups as m
        where m.organization_id = upper_bound_cost.organization_id
          and (m.provider is null or m.provider = upper_bound_cost.provider)
          and (m.model is null or m.model = priced_model)
          and m.valid_from <= upper_bound_cost.at
          and (m.valid_to is null or m.valid_to > upper_bound_cost.at)
        order by m.model nulls last, m.provider nulls last
        limit 1
      ), 1) else 1 end)
    into price_id, cost_usd
    from (
      select e.id, e.organization_id,
        upper_bound_cost.input_tokens * case
          when upper_bound_cost.classes is null then e.dearest_input
          else tally.dearest_price(
            e.dearest_input, e.unit_prices, upper_bound_cost.classes, 'input') end
        + upper_bound_cost.output_tokens * coalesce(case
          when upper_bound_cost.classes is null then e.dearest_output
          else tally.dearest_price(
            e.dearest_output, e.unit_prices, upper_bound_cost.classes, 'output') end, 0) as bound
      from public.cost_estimates as e
      where e.provider = v_provider
        and e.model = priced_model
        and e.service_tier = coalesce(upper_bound_cost.service_tier, 'standard')
        and (e.organization_id is null or e.organization_id = upper_bound_cost.organization_id)
        and e.valid_from <= upper_bound_cost.at
        and (e.valid_to is null or e.valid_to > upper_bound_cost.at)
        and e.withdrawn_at is null
        and e.context_from <= upper_bound_cost.input_tokens
    ) as b
    order by b.organization_id nulls last, b.bound desc nulls last
    limit 1;
    exit when found or v_attempt = 2;
    select r.to_provider, r.to_model into v_provider, priced_model
    from tally.resolve_model(upper_bound_cost.provider, upper_bound_cost.model) as r;
    exit when not found;
  end loop;
  priced_model := coalesce(priced_model, upper_bound_cost.model);
end;
$$;
comment on function tally.upper_bound_cost(text, text, bigint, bigint, uuid, text, timestamptz,
  text[]) is
  'The most a call can cost: every input token at the dearest class that may apply (text, cache read, 5-minute cache write, and `classes` beside them), every output token likewise, in the dearest band the prompt may reach. Nulls: no price.';
revoke execute on function tally.upper_bound_cost(text, text, bigint, bigint, uuid, text,
  timestamptz, text[])
  from public, anon, authenticated;
grant execute on function tally.upper_bound_cost(text, text, bigint, bigint, uuid, text,
  timestamptz, text[])
  to service_role;
