-- Markups: what an organization pays relative to the list price, where it has no card of its own.

create table public.price_markups (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  provider text,
  model text,
  factor numeric not null,
  valid_from timestamptz not null default now(),
  valid_to timestamptz,
  note text,
  created_at timestamptz not null default now(),
  primary key (organization_id, id),
  constraint factor_is_not_negative check (factor >= 0 and factor <= 1000),
  constraint model_names_its_provider check (model is null or provider is not null),
  constraint validity_runs_forward check (valid_to > valid_from),
  constraint markups_of_one_scope_do_not_overlap exclude using gist (
    organization_id with =,
    (coalesce(provider, '')) with =,
    (coalesce(model, '')) with =,
    (tstzrange(valid_from, valid_to)) with &&
  )
);
-- The most specific first.
create index price_markups_by_scope on public.price_markups (organization_id, model, provider);
comment on table public.price_markups is
  'Factors on the list price (1.2: 20 % more) for everything, one provider or one model; the most specific wins. A card of the organization''s own is not marked up.';

alter table public.price_markups enable row level security;
revoke all on public.price_markups from anon, authenticated, service_role;
grant select on public.price_markups to authenticated, service_role;
create policy "members read the markups of their organizations" on public.price_markups
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create function tally.markup_of(organization_id uuid, provider text, model text, at timestamptz)
returns numeric
language plpgsql stable security definer set search_path = '' set enable_seqscan = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_factor numeric;
begin
  select m.factor into v_factor
  from public.price_markups as m
  where m.organization_id = markup_of.organization_id
    and (m.provider is null or m.provider = markup_of.provider)
    and (m.model is null or m.model = markup_of.model)
    and m.valid_from <= markup_of.at
    and (m.valid_to is null or m.valid_to > markup_of.at)
  order by m.model nulls last, m.provider nulls last
  limit 1;
  return coalesce(v_factor, 1);
end;
$$;
comment on function tally.markup_of(uuid, text, text, timestamptz) is
  'The factor on the list price of a model for an organization at a moment; 1 without a markup.';
revoke execute on function tally.markup_of(uuid, text, text, timestamptz)
  from public, anon, authenticated;

create function tally.set_markup(
  organization_id uuid, factor numeric, provider text, model text,
  valid_from timestamptz, note text)
returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_from timestamptz := coalesce(nullif(set_markup.valid_from, now()),
    date_trunc('milliseconds', now()));
  v_old public.price_markups;
  v_next timestamptz;
  v_id uuid;
begin
  perform tally.require_operator('set markups');
  perform tally.require_admin(set_markup.organization_id);
  if set_markup.factor is null or not set_markup.factor between 0 and 1000 then
    perform tally.fail('PT400', 'factor must be a number from 0 to 1000.', 'factor',
      '1.2 adds 20 % to the list price.');
  elsif set_markup.model is not null and set_markup.provider is null then
    perform tally.fail('PT400', 'A model needs its provider.', 'provider');
  elsif not isfinite(v_from) then
    perform tally.fail('PT400', 'valid_from must be a moment, not infinity.', 'valid_from');
  end if;
  perform from public.organizations as o where o.id = set_markup.organization_id for no key update;
  select m.* into v_old
  from public.price_markups as m
  where m.organization_id = set_markup.organization_id
    and m.provider is not distinct from set_markup.provider
    and m.model is not distinct from set_markup.model
    and m.valid_from <= v_from and (m.valid_to is null or m.valid_to > v_from);
  if v_old.factor = set_markup.factor then
    return v_old.id;
  elsif v_old.valid_from = v_from then
    perform tally.fail('PT409', 'A markup of this scope already starts at that moment.',
      format('markup %s', v_old.id), 'Let the new one start later.');
  end if;
  select min(m.valid_from) into v_next
  from public.price_markups as m
  where m.organization_id = set_markup.organization_id
    and m.provider is not distinct from set_markup.provider
    and m.model is not distinct from set_markup.model
    and m.valid_from > v_from;
  update public.price_markups as m set valid_to = v_from
  where m.organization_id = v_old.organization_id and m.id = v_old.id;
  insert into public.price_markups as m (organization_id, provider, model, factor, valid_from,
    valid_to, note)
  values (set_markup.organization_id, set_markup.provider, set_markup.model, set_markup.factor,
    v_from, v_next, set_markup.note)
  returning m.id into v_id;
  return v_id;
end;
$$;
comment on function tally.set_markup(uuid, numeric, text, text, timestamptz, text) is
  'Behind public.set_markup.';
revoke execute on function tally.set_markup(uuid, numeric, text, text, timestamptz, text)
  from public, anon, authenticated;
grant execute on function tally.set_markup(uuid, numeric, text, text, timestamptz, text)
  to authenticated, service_role;

create function public.set_markup(
  organization_id uuid, factor numeric, provider text default null, model text default null,
  valid_from timestamptz default now(), note text default null)
returns uuid
language sql volatile security invoker set search_path = ''
as $$
  select tally.set_markup(set_markup.organization_id, set_markup.factor, set_markup.provider,
    set_markup.model, set_markup.valid_from, set_markup.note)
$$;
comment on function public.set_markup(uuid, numeric, text, text, timestamptz, text) is
  'Sets what an organization pays relative to the list price from a moment on (operator): 1.2 is 20 % more, 1 the list price again. For everything, a provider, or one model; returns its id.';
revoke execute on function public.set_markup(uuid, numeric, text, text, timestamptz, text)
  from public, anon, authenticated;
grant execute on function public.set_markup(uuid, numeric, text, text, timestamptz, text)
  to authenticated, service_role;
