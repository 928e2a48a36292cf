-- The price book: classes of use, rate cards valid for a span of time, and which model an id names.

create table tally.usage_classes (
  class text primary key,
  kind text not null,
  plural text not null,
  fallback text references tally.usage_classes (class),
  constraint class_is_a_lower_case_word check (class ~ '^[a-z][a-z0-9_]{0,62}$'),
  constraint kind_is_known check (kind in ('input', 'output', 'unit'))
);
comment on table tally.usage_classes is
  'What can be counted and priced. Kinds input and output are token classes, priced per million; units are priced per one.';
comment on column tally.usage_classes.fallback is
  'The class whose rate is paid where a card has none of its own.';
alter table tally.usage_classes enable row level security;

insert into tally.usage_classes (class, kind, plural, fallback) values
  ('input', 'input', 'input', null),
  ('cache_read', 'input', 'cache_read', 'input'),
  ('cache_write', 'input', 'cache_write', 'input'),
  ('cache_write_1h', 'input', 'cache_write_1h', 'cache_write'),
  ('input_audio', 'input', 'input_audio', null),
  ('cache_read_audio', 'input', 'cache_read_audio', null),
  ('input_image', 'input', 'input_image', null),
  ('cache_read_image', 'input', 'cache_read_image', null),
  ('input_video', 'input', 'input_video', null),
  ('cache_read_video', 'input', 'cache_read_video', null),
  ('output', 'output', 'output', null),
  ('reasoning', 'output', 'reasoning', 'output'),
  ('output_audio', 'output', 'output_audio', null),
  ('output_image', 'output', 'output_image', null),
  ('output_video', 'output', 'output_video', null),
  ('request', 'unit', 'requests', null),
  ('web_search', 'unit', 'web_searches', null),
  ('second', 'unit', 'seconds', null),
  ('character', 'unit', 'characters', null),
  ('image', 'unit', 'images', null),
  ('gb_hour', 'unit', 'gb_hours', null),
  ('gb', 'unit', 'gbs', null),
  ('cpu_hour', 'unit', 'cpu_hours', null),
  ('query', 'unit', 'queries', null),
  ('invocation', 'unit', 'invocations', null),
  ('execution', 'unit', 'executions', null);

create table tally.class_fallbacks (
  provider text not null,
  class text not null references tally.usage_classes (class),
  fallback text not null references tally.usage_classes (class),
  primary key (provider, class)
);
comment on table tally.class_fallbacks is
  'Where one provider bills a class at another''s rate: audio and images at the text rate, say. Wins over usage_classes.fallback.';
alter table tally.class_fallbacks enable row level security;

create table public.cost_estimates (
  id bigint generated always as identity primary key,
  provider text not null,
  model text not null,
  service_tier text not null default 'standard',
  context_from bigint not null default 0,
  organization_id uuid references public.organizations (id) on delete cascade,
  rates jsonb not null,
  unit_prices jsonb not null default '{}',
  dearest_input numeric,
  dearest_output numeric,
  input_cost_per_million numeric generated always as ((rates ->> 'input')::numeric) stored,
  output_cost_per_million numeric generated always as ((rates ->> 'output')::numeric) stored,
  valid_from timestamptz not null default now(),
  valid_to timestamptz,
  daily_from time,
  daily_to time,
  withdrawn_at timestamptz,
  managed_by text not null default 'operator',
  source_url text,
  verified_at date,
  note text,
  created_at timestamptz not null default now(),
  constraint provider_and_model_are_named check (btrim(provider) <> '' and btrim(model) <> ''),
  constraint context_is_not_negative check (context_from >= 0),
  constraint rates_are_an_object check (jsonb_typeof(rates) = 'object' and rates <> '{}'),
  constraint validity_runs_forward check (valid_to > valid_from),
  constraint daily_window_is_whole check ((daily_from is null) = (daily_to is null)
    and daily_from <> daily_to),
  constraint manager_is_known check (managed_by in ('book', 'operator')),
  -- The key as one text: with columns of its own this index would be taken for the lookup of
  -- prices, which the b-tree below does in half the time.
  constraint cards_of_one_key_do_not_overlap exclude using gist (
    (
      provider || chr(31) || model || chr(31) || service_tier || chr(31) || context_from || chr(31)
      || coalesce(organization_id::text, '') || chr(31)
        || coalesce(extract(epoch from daily_from)::text, '')
    ) with =,
    (tstzrange(valid_from, valid_to)) with &&
  ) where (withdrawn_at is null)
);
comment on table public.cost_estimates is
  'Rate cards: the prices of all classes of one model, for one service tier, one context band, one span of time. Never edited: set_price closes one and opens the next.';
comment on column public.cost_estimates.context_from is
  'The band: the first total number of prompt tokens that pays this card. It prices the whole call.';
comment on column public.cost_estimates.organization_id is
  'Null: the list price. Otherwise the negotiated price of one organization.';
comment on column public.cost_estimates.daily_from is
  'Start of the daily window in UTC, for providers with off-peak prices; wins over the all-day card. It may run past midnight.';
comment on column public.cost_estimates.withdrawn_at is
  'When the card was taken back: it prices nothing any more and stays for the history.';
comment on column public.cost_estimates.managed_by is
  'book: loaded from the price book, which may correct it. operator: set by set_price, which the book never touches.';
comment on column public.cost_estimates.rates is
  'Class to USD: token classes per million tokens, unit classes per one.';
comment on column public.cost_estimates.unit_prices is
  'Derived from rates: class to USD for one token or unit, fallbacks filled in. What pricing reads.';
comment on column public.cost_estimates.dearest_input is
  'The dearest of what an input token may cost without being asked for: text, cache read, cache write. For upper bounds.';
comment on column public.cost_estimates.dearest_output is
  'The dearer of output and reasoning. For upper bounds.';
-- In the order in which pricing takes them: the first that is valid is the one.
create index cost_estimates_by_model on public.cost_estimates
  (provider, model, service_tier, organization_id, context_from desc, daily_from);
create index cost_estimates_by_organization on public.cost_estimates (organization_id)
  where organization_id is not null;

alter table public.cost_estimates enable row level security;
revoke all on public.cost_estimates from anon, authenticated, service_role;
revoke all on sequence public.cost_estimates_id_seq from anon, authenticated, service_role;
grant select on public.cost_estimates to authenticated;
grant select on public.cost_estimates to service_role;
create policy "the signed-in read list prices and their organizations' own" on public.cost_estimates
  for select to authenticated
  using (
    organization_id is null
    or organization_id = any (array(select tally.organizations_of((select auth.uid()))))
  );

create function tally.unit_prices(provider text, rates jsonb)
returns jsonb
language sql stable security definer set search_path = ''
as $$
  with recursive payer as (
    select c.class, c.class as paid_as, 0 as depth from tally.usage_classes as c
    union all
    select p.class, coalesce(f.fallback, c.fallback), p.depth + 1
    from payer as p
    join tally.usage_classes as c on c.class = p.paid_as
    left join tally.class_fallbacks as f on f.class = p.paid_as
      and f.provider = unit_prices.provider
    where not unit_prices.rates ? p.paid_as
      and coalesce(f.fallback, c.fallback) is not null
      and p.depth < 8
  )
  select coalesce(
    jsonb_object_agg(
      p.class,
      (unit_prices.rates -> p.paid_as)::numeric * case when c.kind = 'unit' then 1 else 0.000001 end
    ),
    '{}'
  )
  from payer as p
  join tally.usage_classes as c on c.class = p.paid_as
  where unit_prices.rates ? p.paid_as
$$;
comment on function tally.unit_prices(text, jsonb) is
  'The price in USD of one token or unit of every class that the rates cover, directly or by a fallback rule.';
revoke execute on function tally.unit_prices(text, jsonb) from public, anon, authenticated;
grant execute on function tally.unit_prices(text, jsonb) to service_role;

create function tally.check_rate_card()
returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_bad text;
begin
  select min(r.key) into v_bad
  from jsonb_each(new.rates) as r
  where not exists (select from tally.usage_classes as c where c.class = r.key);
  if v_bad is not null then
    perform tally.fail('PT400', format('%L is not a class of use.', v_bad), 'rates',
      'Classes are listed in tally.usage_classes; add the new one there first.');
  end if;
  select min(r.key) into v_bad
  from jsonb_each(new.rates) as r
  where case when jsonb_typeof(r.value) = 'number' then (r.value)::numeric < 0 else true end;
  if v_bad is not null then
    perform tally.fail('PT400', format('The rate of %L must be a number of USD, zero or more.',
      v_bad), 'rates');
  end if;
  new.unit_prices := tally.unit_prices(new.provider, new.rates);
  new.dearest_input := greatest((new.unit_prices -> 'input')::numeric,
    (new.unit_prices -> 'cache_read')::numeric, (new.unit_prices -> 'cache_write')::numeric);
  new.dearest_output := greatest((new.unit_prices -> 'output')::numeric,
    (new.unit_prices -> 'reasoning')::numeric);
  -- An id with a card of its own is no alias any more.
  delete from tally.model_aliases as a where a.provider = new.provider and a.alias = new.model;
  return new;
end;
$$;
comment on function tally.check_rate_card() is
  'Refuses unknown classes and negative rates, and derives unit_prices.';
revoke execute on function tally.check_rate_card() from public, anon, authenticated;
create trigger check_rate_card before insert or update of rates, provider on public.cost_estimates
  for each row execute function tally.check_rate_card();

create function tally.refresh_unit_prices()
returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- Writing the rates again makes the card's own trigger derive what follows from them.
  update public.cost_estimates as c
  set rates = c.rates
  where c.unit_prices is distinct from tally.unit_prices(c.provider, c.rates);
  return null;
end;
$$;
comment on function tally.refresh_unit_prices() is
  'Derives unit_prices again after a change of the fallback rules.';
revoke execute on function tally.refresh_unit_prices() from public, anon, authenticated;
create trigger refresh_unit_prices after insert or update or delete on tally.usage_classes
  for each statement execute function tally.refresh_unit_prices();
create trigger refresh_unit_prices after insert or update or delete on tally.class_fallbacks
  for each statement execute function tally.refresh_unit_prices();
