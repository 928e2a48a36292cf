-- Billing: who is billed, by which meters, with which markup. Our ledger is the truth; what is sent
-- to Stripe or another sink is in the next file.

create table public.billing_customers (
  organization_id uuid primary key references public.organizations (id) on delete cascade,
  stripe_customer_id text not null,
  billed_during tstzmultirange not null,
  stripe_subscription_id text,
  subscription_status text,
  subscription_event_at timestamptz,
  entitlements_event_at timestamptz,
  invoiced_until timestamptz,
  ended_at timestamptz,
  mirrors_credit_from timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint customer_id_is_not_blank check (btrim(stripe_customer_id) <> '')
);
create index billing_customers_by_stripe on public.billing_customers (stripe_customer_id);
comment on table public.billing_customers is
  'Which organizations are billed, and as which customer of Stripe.';
comment on column public.billing_customers.billed_during is
  'When its use is billed: from each start of billing to the next end. Use outside is recorded and never reported.';
comment on column public.billing_customers.invoiced_until is
  'The end of the last period whose invoice is final: what changes before it is reported in the current period.';
comment on column public.billing_customers.ended_at is
  'When the subscription ended; the hour that holds it is reported at once.';

comment on column public.billing_customers.mirrors_credit_from is
  'Since when credit that is granted is granted in Stripe too; null: it is not.';

create table public.billing_markups (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  starts_at timestamptz not null,
  factor numeric not null,
  primary key (organization_id, starts_at),
  constraint markup_starts_on_the_hour check (
    starts_at = date_bin('1 hour', starts_at, timestamptz 'epoch')
  ),
  constraint factor_is_from_0_to_1000 check (factor >= 0 and factor <= 1000)
);
comment on table public.billing_markups is
  'The factor on the cost that is billed to an organization, from an hour on until the next row; 1 without a row. Quotas and usage_summary are without it.';

create table public.billing_meters (
  event_name text primary key,
  display_name text not null,
  metric text not null,
  filters jsonb not null default '{}',
  scale numeric not null,
  has_markup boolean not null,
  starts_at timestamptz not null default now(),
  stripe_meter_id text,
  enabled boolean not null default true,
  generation integer not null default 1,
  created_at timestamptz not null default now(),
  constraint event_name_has_1_to_100_characters check (length(event_name) between 1 and 100),
  constraint metric_is_known check (
    metric in ('cost_usd', 'total_tokens', 'input_tokens', 'output_tokens', 'requests', 'units')
  ),
  constraint filters_are_an_object check (jsonb_typeof(filters) = 'object'),
  constraint scale_is_positive check (scale > 0)
);
comment on table public.billing_meters is
  'What is billed: one metric of the use that matches filters, times scale, in whole units. A definition never changes: another one is another meter.';
comment on column public.billing_meters.scale is
  'Units of the meter per unit of the metric: 1000000 for USD makes micro-USD, 0.001 for tokens thousands.';
comment on column public.billing_meters.starts_at is 'Use before it is not billed by this meter.';
comment on column public.billing_meters.generation is
  'How often it was enabled: each time every customer''s hours are looked at again, by the next report.';

create table public.billing_plans (
  stripe_id text primary key,
  plan_id text not null references public.plans (id) on delete cascade
);
create index billing_plans_by_plan on public.billing_plans (plan_id);
comment on table public.billing_plans is
  'Which plan a subscription means: the id or lookup key of a price, or the id of a product, of Stripe.';

create table public.billing_entitlements (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  lookup_key text not null,
  primary key (organization_id, lookup_key)
);
comment on table public.billing_entitlements is
  'The features that an organization has bought, by the lookup keys of Stripe.';

alter table public.billing_customers enable row level security;
alter table public.billing_markups enable row level security;
alter table public.billing_meters enable row level security;
alter table public.billing_plans enable row level security;
alter table public.billing_entitlements enable row level security;
revoke all on public.billing_customers, public.billing_markups, public.billing_meters,
  public.billing_plans, public.billing_entitlements from anon, authenticated, service_role;
grant select on public.billing_customers, public.billing_markups, public.billing_meters,
  public.billing_entitlements to authenticated, service_role;
grant select, insert, update, delete on public.billing_plans to service_role;
create policy "members read how their organizations are billed" on public.billing_customers
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));
create policy "members read the billing markups of their organizations" on public.billing_markups
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));
create policy "members read what their organizations have bought" on public.billing_entitlements
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));
create policy "the signed-in read the meters" on public.billing_meters
  for select to authenticated using (true);

create function tally.mark_billed_hours(organization_id uuid, starts_at timestamptz)
returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- A fold marks hours too, in an order of its own: both at once could wait for each other.
  perform tally.lock_folding(mark_billed_hours.organization_id);
  insert into tally.changed_hours (organization_id, hour)
  select distinct b.organization_id, date_bin('1 hour', b.bucket_start, timestamptz 'epoch')
  from tally.usage_buckets as b
  where b.organization_id = mark_billed_hours.organization_id
    and b.bucket_start >= date_bin('1 hour', mark_billed_hours.starts_at, timestamptz 'epoch')
  -- Locked when they are marked already: a report that takes them now would count without what
  -- changes here.
  on conflict on constraint changed_hours_pkey do update set hour = excluded.hour;
end;
$$;
comment on function tally.mark_billed_hours(uuid, timestamptz) is
  'Has the hours of an organization that is billed looked at again, from a moment on.';
revoke execute on function tally.mark_billed_hours(uuid, timestamptz)
  from public, anon, authenticated;

create function tally.set_billing_customer(
  organization_id uuid, stripe_customer_id text, starts_at timestamptz, markup numeric)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_from timestamptz := coalesce(set_billing_customer.starts_at, now());
  v_customer public.billing_customers;
begin
  perform tally.require_operator('set billing customers');
  perform tally.require_admin(set_billing_customer.organization_id);
  if btrim(coalesce(set_billing_customer.stripe_customer_id, '')) = '' then
    perform tally.fail('PT400', 'stripe_customer_id is missing.', 'stripe_customer_id',
      'It looks like cus_….');
  end if;
  -- Two organizations could not be told apart by Stripe's events.
  perform pg_advisory_xact_lock(
    hashtextextended('billing customer ' || set_billing_customer.stripe_customer_id, 0));
  if exists (
    select from public.billing_customers as c
    where c.stripe_customer_id = set_billing_customer.stripe_customer_id
      and c.organization_id <> set_billing_customer.organization_id
  ) then
    perform tally.fail('PT409', 'Another organization is billed as this customer.',
      set_billing_customer.stripe_customer_id,
      'Make a customer of its own for each organization.');
  end if;
  insert into public.billing_customers as c (organization_id, stripe_customer_id, billed_during)
  values (set_billing_customer.organization_id, set_billing_customer.stripe_customer_id,
    tstzmultirange(tstzrange(v_from, null)))
  on conflict on constraint billing_customers_pkey
  do update set stripe_customer_id = excluded.stripe_customer_id, updated_at = now(),
    billed_during = case when set_billing_customer.starts_at is null then c.billed_during
      else c.billed_during + excluded.billed_during end
  returning c.* into v_customer;
  if set_billing_customer.markup is not null then
    perform tally.set_billing_markup(
      set_billing_customer.organization_id, set_billing_customer.markup, v_from);
  end if;
  perform tally.mark_billed_hours(v_customer.organization_id, v_from);
  return jsonb_build_object('organization_id', v_customer.organization_id,
    'stripe_customer_id', v_customer.stripe_customer_id, 'billed_during', v_customer.billed_during,
    'markup', tally.billing_markup(v_customer.organization_id, now()));
end;
$$;
comment on function tally.set_billing_customer(uuid, text, timestamptz, numeric) is
  'Behind public.set_billing_customer.';
revoke execute on function tally.set_billing_customer(uuid, text, timestamptz, numeric)
  from public, anon, authenticated;
grant execute on function tally.set_billing_customer(uuid, text, timestamptz, numeric)
  to authenticated, service_role;

create function public.set_billing_customer(
  organization_id uuid, stripe_customer_id text, starts_at timestamptz default null,
  markup numeric default null)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.set_billing_customer(set_billing_customer.organization_id,
    set_billing_customer.stripe_customer_id, set_billing_customer.starts_at,
    set_billing_customer.markup)
$$;
comment on function public.set_billing_customer(uuid, text, timestamptz, numeric) is
  'Bills an organization as a customer of Stripe (operator), from starts_at on (default: now, or as before), its cost times markup: {organization_id, stripe_customer_id, billed_during, markup}.';
revoke execute on function public.set_billing_customer(uuid, text, timestamptz, numeric)
  from public, anon, authenticated;
grant execute on function public.set_billing_customer(uuid, text, timestamptz, numeric)
  to authenticated, service_role;

create function tally.billing_markup(organization_id uuid, hour timestamptz)
returns numeric
language sql stable security definer set search_path = ''
as $$
  select coalesce((
    select m.factor from public.billing_markups as m
    where m.organization_id = billing_markup.organization_id and m.starts_at <= billing_markup.hour
    order by m.starts_at desc
    limit 1
  ), 1)
$$;
comment on function tally.billing_markup(uuid, timestamptz) is
  'The factor on the billed cost of an hour; 1 without one.';
revoke execute on function tally.billing_markup(uuid, timestamptz) from public, anon, authenticated;

create function tally.set_billing_markup(
  organization_id uuid, factor numeric, starts_at timestamptz)
returns timestamptz
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_from timestamptz := date_bin('1 hour', set_billing_markup.starts_at, timestamptz 'epoch');
begin
  perform tally.require_operator('set billing markups');
  perform tally.require_admin(set_billing_markup.organization_id);
  if set_billing_markup.factor is null or not set_billing_markup.factor between 0 and 1000 then
    perform tally.fail('PT400', 'factor must be a number from 0 to 1000.', 'factor',
      '1.2 bills 20 % more than the cost.');
  end if;
  insert into public.billing_markups as m (organization_id, starts_at, factor)
  values (set_billing_markup.organization_id, v_from, set_billing_markup.factor)
  on conflict on constraint billing_markups_pkey do update set factor = excluded.factor;
  perform tally.mark_billed_hours(set_billing_markup.organization_id, v_from);
  return v_from;
end;
$$;
comment on function tally.set_billing_markup(uuid, numeric, timestamptz) is
  'Behind public.set_billing_markup.';
revoke execute on function tally.set_billing_markup(uuid, numeric, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.set_billing_markup(uuid, numeric, timestamptz)
  to authenticated, service_role;

create function public.set_billing_markup(
  organization_id uuid, factor numeric, starts_at timestamptz default now())
returns timestamptz
language sql volatile security invoker set search_path = ''
as $$
  select tally.set_billing_markup(
    set_billing_markup.organization_id, set_billing_markup.factor, set_billing_markup.starts_at)
$$;
comment on function public.set_billing_markup(uuid, numeric, timestamptz) is
  'Sets the factor on the billed cost of an organization from an hour on (operator), and returns that hour. Of hours reported already the difference is reported.';
revoke execute on function public.set_billing_markup(uuid, numeric, timestamptz)
  from public, anon, authenticated;
grant execute on function public.set_billing_markup(uuid, numeric, timestamptz)
  to authenticated, service_role;

create function tally.set_billing_meter(
  event_name text, metric text, display_name text, filters jsonb, scale numeric, has_markup boolean,
  stripe_meter_id text, starts_at timestamptz, enabled boolean)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_is_cost boolean := coalesce(set_billing_meter.metric = 'cost_usd', false);
  v_new public.billing_meters;
  v_meter public.billing_meters;
begin
  perform tally.require_operator('set billing meters');
  perform tally.check_filters(coalesce(set_billing_meter.filters, '{}'), array['provider', 'model',
    'tool_name', 'operation', 'resource_type', 'service_tier', 'status', 'unit_type', 'is_byok']);
  -- What a caller pays its provider for itself is not billed a second time.
  v_new.filters := coalesce(set_billing_meter.filters,
    case when v_is_cost then '{"is_byok": false}' else '{}' end::jsonb);
  v_new.scale := coalesce(set_billing_meter.scale, case when v_is_cost then 1000000 else 1 end);
  v_new.has_markup := coalesce(set_billing_meter.has_markup, v_is_cost);
  insert into public.billing_meters as m (event_name, metric, display_name, filters, scale,
    has_markup, stripe_meter_id, starts_at, enabled)
  values (set_billing_meter.event_name, set_billing_meter.metric,
    coalesce(set_billing_meter.display_name, set_billing_meter.event_name), v_new.filters,
    v_new.scale, v_new.has_markup, set_billing_meter.stripe_meter_id,
    coalesce(set_billing_meter.starts_at, now()), coalesce(set_billing_meter.enabled, true))
  on conflict on constraint billing_meters_pkey do update
  set stripe_meter_id = coalesce(excluded.stripe_meter_id, m.stripe_meter_id),
    display_name = coalesce(set_billing_meter.display_name, m.display_name),
    -- No hour is marked here: the next report does that, customer by customer. Marking everybody's
    -- at once would wait for folds that wait for it.
    generation = m.generation
      + case when set_billing_meter.enabled and not m.enabled then 1 else 0 end,
    enabled = coalesce(set_billing_meter.enabled, m.enabled)
  returning m.* into v_meter;
  if (v_meter.metric, v_meter.filters, v_meter.scale, v_meter.has_markup)
    is distinct from (set_billing_meter.metric, v_new.filters, v_new.scale, v_new.has_markup) then
    perform tally.fail('PT409',
      format('The meter %s is defined otherwise.', set_billing_meter.event_name),
      format('metric %s, filters %s, scale %s, has_markup %s',
        v_meter.metric, v_meter.filters, v_meter.scale, v_meter.has_markup),
      'Give the new definition an event name of its own, and disable this one.');
  end if;
  return to_jsonb(v_meter) - 'generation';
end;
$$;
comment on function tally.set_billing_meter(text, text, text, jsonb, numeric, boolean, text,
  timestamptz, boolean) is
  'Behind public.set_billing_meter.';
revoke execute on function tally.set_billing_meter(text, text, text, jsonb, numeric, boolean, text,
  timestamptz, boolean)
  from public, anon, authenticated;
grant execute on function tally.set_billing_meter(text, text, text, jsonb, numeric, boolean, text,
  timestamptz, boolean)
  to authenticated, service_role;

create function public.set_billing_meter(
  event_name text, metric text, display_name text default null, filters jsonb default null,
  scale numeric default null, has_markup boolean default null, stripe_meter_id text default null,
  starts_at timestamptz default null, enabled boolean default null)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.set_billing_meter(set_billing_meter.event_name, set_billing_meter.metric,
    set_billing_meter.display_name, set_billing_meter.filters, set_billing_meter.scale,
    set_billing_meter.has_markup, set_billing_meter.stripe_meter_id, set_billing_meter.starts_at,
    set_billing_meter.enabled)
$$;
comment on function public.set_billing_meter(text, text, text, jsonb, numeric, boolean, text,
  timestamptz, boolean) is
  'Makes a meter, or changes its name, its Stripe id and whether it is enabled (operator); answers its row. cost_usd is billed in micro-USD with markup and without BYOK calls unless told otherwise, other metrics as they are.';
revoke execute on function public.set_billing_meter(text, text, text, jsonb, numeric, boolean, text,
  timestamptz, boolean)
  from public, anon, authenticated;
grant execute on function public.set_billing_meter(text, text, text, jsonb, numeric, boolean, text,
  timestamptz, boolean)
  to authenticated, service_role;

create function public.has_entitlement(organization_id uuid, lookup_key text)
returns boolean
language sql stable security invoker set search_path = ''
as $$
  select exists (
    select from public.billing_entitlements as e
    where e.organization_id = has_entitlement.organization_id
      and e.lookup_key = has_entitlement.lookup_key
  )
$$;
comment on function public.has_entitlement(uuid, text) is
  'Whether an organization of the caller has bought a feature, by the lookup key of Stripe: a gate for plans.';
revoke execute on function public.has_entitlement(uuid, text) from public, anon, authenticated;
grant execute on function public.has_entitlement(uuid, text) to authenticated, service_role;
