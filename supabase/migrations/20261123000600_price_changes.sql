-- How prices change: one card is closed, the next opened; nothing is edited.

create function tally.set_price(
  provider text, model text, rates jsonb, service_tier text, context_from bigint,
  organization_id uuid, valid_from timestamptz, source_url text, verified_at date, note text)
returns bigint
language plpgsql volatile security definer set search_path = ''
as $$
declare
  -- Events count milliseconds: a price set now is the price of what happens within this one.
  v_from timestamptz := coalesce(nullif(set_price.valid_from, now()),
    date_trunc('milliseconds', now()));
  v_next timestamptz;
  v_old public.cost_estimates;
  v_id bigint;
begin
  perform tally.require_operator('set prices');
  if btrim(coalesce(set_price.provider, '')) = '' or btrim(coalesce(set_price.model, '')) = '' then
    perform tally.fail('PT400', 'provider and model must be named.', 'provider, model');
  end if;
  if jsonb_typeof(set_price.rates) is distinct from 'object' or set_price.rates = '{}' then
    perform tally.fail('PT400', 'rates must be an object of class and USD.', 'rates',
      'For example {"input": 2.5, "cache_read": 1.25, "output": 10}: USD per million tokens.');
  elsif set_price.service_tier is null or set_price.context_from is null
    or set_price.context_from < 0 then
    perform tally.fail('PT400', 'service_tier must be named and context_from be zero or more.',
      'service_tier, context_from', 'The defaults are standard and 0.');
  elsif not isfinite(v_from) then
    perform tally.fail('PT400', 'valid_from must be a moment, not infinity.', 'valid_from');
  elsif set_price.organization_id is not null then
    perform tally.require_admin(set_price.organization_id);
  end if;
  -- Two changes of one key wait for each other here instead of meeting in the exclusion constraint.
  perform pg_advisory_xact_lock(hashtextextended(
    concat_ws('|', 'price', set_price.provider, set_price.model, set_price.service_tier,
      set_price.context_from), 0));
  select * into v_old
  from public.cost_estimates as c
  where c.provider = set_price.provider and c.model = set_price.model
    and c.service_tier = set_price.service_tier and c.context_from = set_price.context_from
    and c.organization_id is not distinct from set_price.organization_id
    and c.daily_from is null and c.withdrawn_at is null
    and c.valid_from <= v_from and coalesce(c.valid_to > v_from, true);
  if v_old.rates = set_price.rates then
    return v_old.id;
  end if;
  if v_old.valid_from = v_from then
    perform tally.fail('PT409', 'A card of this key already starts at that moment.',
      format('price %s, valid_from %s', v_old.id, v_old.valid_from),
      'Withdraw it if it is still scheduled, or let the new price start later.');
  end if;
  select min(c.valid_from) into v_next
  from public.cost_estimates as c
  where c.provider = set_price.provider and c.model = set_price.model
    and c.service_tier = set_price.service_tier and c.context_from = set_price.context_from
    and c.organization_id is not distinct from set_price.organization_id
    and c.daily_from is null and c.withdrawn_at is null and c.valid_from > v_from;
  update public.cost_estimates as c set valid_to = v_from where c.id = v_old.id;
  insert into public.cost_estimates as c (provider, model, service_tier, context_from,
    organization_id, rates, valid_from, valid_to, source_url, verified_at, note)
  values (set_price.provider, set_price.model, set_price.service_tier, set_price.context_from,
    set_price.organization_id, set_price.rates, v_from, v_next, set_price.source_url,
    set_price.verified_at, set_price.note)
  returning c.id into v_id;
  return v_id;
end;
$$;
comment on function tally.set_price(text, text, jsonb, text, bigint, uuid, timestamptz, text,
  date, text) is
  'Behind public.set_price.';
revoke execute on function tally.set_price(text, text, jsonb, text, bigint, uuid, timestamptz,
  text, date, text)
  from public, anon, authenticated;
grant execute on function tally.set_price(text, text, jsonb, text, bigint, uuid, timestamptz,
  text, date, text)
  to authenticated, service_role;

create function public.set_price(
  provider text, model text, rates jsonb, service_tier text default 'standard',
  context_from bigint default 0, organization_id uuid default null,
  valid_from timestamptz default now(), source_url text default null, verified_at date default null,
  note text default null)
returns bigint
language sql volatile security invoker set search_path = ''
as $$
  select tally.set_price(set_price.provider, set_price.model, set_price.rates,
    set_price.service_tier, set_price.context_from, set_price.organization_id, set_price.valid_from,
    set_price.source_url, set_price.verified_at, set_price.note)
$$;
comment on function public.set_price(text, text, jsonb, text, bigint, uuid, timestamptz, text,
  date, text) is
  'Sets the price of a model from a moment on (operator): closes the card of that moment and opens the next, up to the next scheduled one. Returns the card''s id; equal rates change nothing.';
revoke execute on function public.set_price(text, text, jsonb, text, bigint, uuid, timestamptz,
  text, date, text)
  from public, anon, authenticated;
grant execute on function public.set_price(text, text, jsonb, text, bigint, uuid, timestamptz,
  text, date, text)
  to authenticated, service_role;

create function tally.withdraw_price(price_id bigint)
returns bigint
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_card public.cost_estimates;
begin
  perform tally.require_operator('withdraw prices');
  select * into v_card from public.cost_estimates as c
    where c.id = withdraw_price.price_id for update;
  if v_card.id is null then
    perform tally.fail('PT404', format('There is no price %s.', withdraw_price.price_id),
      'price_id');
  elsif v_card.withdrawn_at is not null then
    return v_card.id;
  elsif v_card.valid_from <= now() then
    perform tally.fail('PT409',
      'Only a scheduled price can be withdrawn; this one is or was in force.',
      format('valid_from %s', v_card.valid_from),
      'Set the right price with set_price() and re-rate the events.');
  end if;
  update public.cost_estimates as c set withdrawn_at = now() where c.id = v_card.id;
  -- The card before it goes on where the withdrawn one would have started.
  update public.cost_estimates as c set valid_to = v_card.valid_to
  where c.provider = v_card.provider and c.model = v_card.model
    and c.service_tier = v_card.service_tier and c.context_from = v_card.context_from
    and c.organization_id is not distinct from v_card.organization_id
    and c.daily_from is not distinct from v_card.daily_from
    and c.withdrawn_at is null and c.valid_to = v_card.valid_from;
  return v_card.id;
end;
$$;
comment on function tally.withdraw_price(bigint) is 'Behind public.withdraw_price.';
revoke execute on function tally.withdraw_price(bigint) from public, anon, authenticated;
grant execute on function tally.withdraw_price(bigint) to authenticated, service_role;

create function public.withdraw_price(price_id bigint)
returns bigint
language sql volatile security invoker set search_path = ''
as $$
  select tally.withdraw_price(withdraw_price.price_id)
$$;
comment on function public.withdraw_price(bigint) is
  'Takes back a scheduled price (operator); the card before it goes on. Returns its id. One already in force: PT409.';
revoke execute on function public.withdraw_price(bigint) from public, anon, authenticated;
grant execute on function public.withdraw_price(bigint) to authenticated, service_role;

create function tally.load_price_card(card jsonb)
returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_card public.cost_estimates := jsonb_populate_record(null::public.cost_estimates,
    load_price_card.card);
  v_old public.cost_estimates;
begin
  v_card.service_tier := coalesce(v_card.service_tier, 'standard');
  v_card.context_from := coalesce(v_card.context_from, 0);
  -- Rates are written as strings so that no program rounds them on the way here.
  v_card.rates := (select jsonb_object_agg(r.key, r.value::numeric)
    from jsonb_each_text(load_price_card.card -> 'rates') as r);
  select * into v_old
  from public.cost_estimates as c
  where c.provider = v_card.provider and c.model = v_card.model
    and c.service_tier = v_card.service_tier and c.context_from = v_card.context_from
    and c.organization_id is null and c.withdrawn_at is null
    and c.daily_from is not distinct from v_card.daily_from
    and tstzrange(c.valid_from, c.valid_to) && tstzrange(v_card.valid_from, v_card.valid_to)
  order by c.managed_by desc, c.valid_from = v_card.valid_from desc
  limit 1;
  if v_old.managed_by = 'operator' then
    return 'skipped';
  elsif v_old.valid_from = v_card.valid_from and v_old.rates = v_card.rates
    and v_old.daily_to is not distinct from v_card.daily_to then
    if v_old.valid_to is not distinct from v_card.valid_to then
      return 'unchanged';
    end if;
    update public.cost_estimates as c set valid_to = v_card.valid_to where c.id = v_old.id;
    return 'closed';
  end if;
  -- The book was wrong about this span: what it said is withdrawn, and stays readable.
  update public.cost_estimates as c set withdrawn_at = now()
  where c.provider = v_card.provider and c.model = v_card.model
    and c.service_tier = v_card.service_tier and c.context_from = v_card.context_from
    and c.organization_id is null and c.withdrawn_at is null
    and c.daily_from is not distinct from v_card.daily_from
    and tstzrange(c.valid_from, c.valid_to) && tstzrange(v_card.valid_from, v_card.valid_to);
  insert into public.cost_estimates (provider, model, service_tier, context_from, rates,
    valid_from, valid_to, daily_from, daily_to, managed_by, source_url, verified_at, note)
  values (v_card.provider, v_card.model, v_card.service_tier, v_card.context_from, v_card.rates,
    v_card.valid_from, v_card.valid_to, v_card.daily_from, v_card.daily_to, 'book',
    v_card.source_url, v_card.verified_at, v_card.note);
  return case when v_old.id is null then 'added' else 'corrected' end;
end;
$$;
comment on function tally.load_price_card(jsonb) is
  'Brings one card of the book into cost_estimates: added, closed, corrected, unchanged, or skipped where the operator set a price of his own.';
revoke execute on function tally.load_price_card(jsonb) from public, anon, authenticated;
grant execute on function tally.load_price_card(jsonb) to service_role;

create function tally.load_price_book(book jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_counts jsonb;
begin
  perform tally.require_operator('load the price book');
  -- Guarded, since even an insert of no row would derive every unit price again.
  if load_price_book.book ? 'classes' then
    insert into tally.usage_classes (class, kind, plural, fallback)
    select c ->> 'class', c ->> 'kind', coalesce(c ->> 'plural', c ->> 'class'), c ->> 'fallback'
    from jsonb_array_elements(load_price_book.book -> 'classes') as c
    on conflict (class) do nothing;
  end if;
  if load_price_book.book ? 'fallbacks' then
    insert into tally.class_fallbacks (provider, class, fallback)
    select f ->> 'provider', f ->> 'class', f ->> 'fallback'
    from jsonb_array_elements(load_price_book.book -> 'fallbacks') as f
    on conflict (provider, class) do update set fallback = excluded.fallback;
  end if;
  -- Earlier spans first, so that a later one finds its predecessor already closed.
  select coalesce(jsonb_object_agg(o.outcome, o.cards), '{}') into v_counts
  from (
    select l.outcome, count(*) as cards
    from (
      select tally.load_price_card(c.card) as outcome
      from (
        select card from jsonb_array_elements(load_price_book.book -> 'cards') as card
        order by card ->> 'provider', card ->> 'model', card ->> 'valid_from'
      ) as c
    ) as l
    group by l.outcome
  ) as o;
  -- What rules said before may be said differently by this book.
  delete from tally.model_aliases as a where a.source = 'rule' and a.to_model is null;
  insert into tally.model_aliases (provider, alias, to_provider, to_model, source)
  select a ->> 'provider', a ->> 'alias', coalesce(a ->> 'to_provider', a ->> 'provider'),
    a ->> 'model', 'book'
  from jsonb_array_elements(load_price_book.book -> 'aliases') as a
  where not exists (
    select from public.cost_estimates as e
    where e.provider = a ->> 'provider' and e.model = a ->> 'alias'
  )
  on conflict (provider, alias) do update
    set to_provider = excluded.to_provider, to_model = excluded.to_model, source = excluded.source;
  if load_price_book.book ? 'rules' then
    delete from tally.model_rules as r
    where r.provider in (select x ->> 'provider'
      from jsonb_array_elements(load_price_book.book -> 'rules') as x);
    insert into tally.model_rules (provider, position, kind, pattern, to_provider, to_model)
    select r.rule ->> 'provider', r.position, r.rule ->> 'kind', r.rule ->> 'pattern',
      coalesce(r.rule ->> 'to_provider', r.rule ->> 'provider'), r.rule ->> 'model'
    from jsonb_array_elements(load_price_book.book -> 'rules') with ordinality
      as r (rule, position);
  end if;
  update tally.model_aliases as a
  set to_provider = m.to_provider, to_model = m.to_model
  from tally.model_aliases as o
  left join tally.provider_aliases as p on p.alias = o.provider
  cross join lateral tally.match_model(coalesce(p.to_provider, o.provider), o.alias) as m
  where o.source = 'rule' and a.provider = o.provider and a.alias = o.alias
    and (a.to_provider, a.to_model) is distinct from (m.to_provider, m.to_model);
  return v_counts;
end;
$$;
comment on function tally.load_price_book(jsonb) is
  'Loads {classes, fallbacks, cards, aliases, rules} of the price book (operator): {added, closed, corrected, unchanged, skipped} cards. Loading the same book again changes nothing.';
revoke execute on function tally.load_price_book(jsonb) from public, anon, authenticated;
grant execute on function tally.load_price_book(jsonb) to service_role;
