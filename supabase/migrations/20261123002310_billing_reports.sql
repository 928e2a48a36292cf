-- Reports: the difference between what the rollup says of a closed hour and what was reported for
-- it before. Late events, corrections and re-rating are differences like any other.

create table public.billing_reports (
  organization_id uuid not null,
  event_name text not null references public.billing_meters (event_name),
  hour timestamptz not null,
  seq integer not null,
  identifier text not null,
  kind text not null default 'usage',
  amount numeric not null,
  value numeric not null,
  stripe_customer_id text not null,
  event_at timestamptz not null,
  billed_hour timestamptz
    generated always as (date_bin('1 hour', event_at, timestamptz 'epoch')) stored,
  state text not null default 'pending',
  is_sending boolean not null default false,
  key_number integer not null default 1,
  attempts integer not null default 0,
  attempted_at timestamptz,
  unsure_since timestamptz,
  next_attempt_at timestamptz not null,
  is_final boolean not null default false,
  note text,
  last_error text,
  created_at timestamptz not null,
  delivered_at timestamptz,
  primary key (organization_id, event_name, hour, seq),
  constraint kind_is_usage_or_repair check (kind in ('usage', 'repair')),
  constraint state_is_pending_or_delivered check (state in ('pending', 'delivered')),
  constraint hour_is_a_whole_one check (hour = date_bin('1 hour', hour, timestamptz 'epoch')),
  constraint value_is_whole_and_has_15_digits check (value = trunc(value) and abs(value) < 1e15),
  constraint delivered_has_a_time check ((state = 'delivered') = (delivered_at is not null)),
  constraint only_pending_is_being_sent check (state = 'pending' or not is_sending),
  constraint repairs_bill_nothing_new check (kind = 'usage' or amount = 0)
);
comment on table public.billing_reports is
  'What was or is to be sent to the sink: one row for each difference of an organization, meter and closed hour.';
comment on column public.billing_reports.amount is
  'The exact difference, in units of the meter. Their sum over an hour is what the ledger says of it.';
comment on column public.billing_reports.value is
  'The whole units sent: amount, with what was left of earlier ones, rounded down; what is left now stays with the account.';
comment on column public.billing_reports.event_at is
  'The time it is sent with: its hour, or a later one when that hour can no longer be billed (see note).';
comment on column public.billing_reports.kind is
  'usage: new to the sink. repair: sent again because the sink does not have it.';
comment on column public.billing_reports.unsure_since is
  'The first attempt whose outcome is not known. While the sink remembers identifiers it is sent again; later its own sums are asked.';
create index billing_reports_to_send
  on public.billing_reports (organization_id, event_name, next_attempt_at)
  where state = 'pending';
create index billing_reports_by_billed_hour
  on public.billing_reports (organization_id, event_name, billed_hour);
create index billing_reports_by_identifier on public.billing_reports (identifier);
create index billing_reports_by_meter on public.billing_reports (event_name, delivered_at);

create table tally.billing_accounts (
  organization_id uuid not null,
  event_name text not null,
  remainder numeric not null default 0,
  lease uuid,
  leased_until timestamptz,
  generation integer not null default 0,
  primary key (organization_id, event_name),
  constraint remainder_is_below_one_unit check (remainder >= 0 and remainder < 1),
  constraint lease_has_an_end check ((lease is null) = (leased_until is null))
) with (fillfactor = 70);
comment on table tally.billing_accounts is
  'One row per organization and meter: what is below one unit and carried to the next report, and who is sending.';

comment on column tally.billing_accounts.generation is
  'The generation of the meter for which the hours of the organization were marked.';

create view tally.billing_accounts_to_open with (security_invoker = true) as
select c.organization_id, m.event_name, m.generation,
  greatest(m.starts_at, lower(c.billed_during)) as starts_at
from public.billing_customers as c
cross join public.billing_meters as m
left join tally.billing_accounts as a
  on a.organization_id = c.organization_id and a.event_name = m.event_name
where m.enabled and a.generation is distinct from m.generation;
comment on view tally.billing_accounts_to_open is
  'Customers and meters that have not met since the meter was enabled: their hours are not marked yet.';
revoke all on tally.billing_accounts_to_open from anon, authenticated, service_role;

alter table public.billing_reports enable row level security;
alter table tally.billing_accounts enable row level security;
revoke all on public.billing_reports from anon, authenticated, service_role;
revoke all on tally.billing_accounts from anon, authenticated, service_role;
grant select on public.billing_reports to authenticated, service_role;
create policy "members read what was billed to their organizations" on public.billing_reports
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create function tally.billing_identifier(
  organization_id uuid, event_name text, hour timestamptz, seq integer)
returns text
language sql immutable security invoker set search_path = ''
as $$
  select 'tally_' || left(encode(sha256(convert_to(
    concat_ws(' ', billing_identifier.organization_id, billing_identifier.event_name,
      extract(epoch from billing_identifier.hour)::bigint, billing_identifier.seq),
    'UTF8')), 'hex'), 40)
$$;
comment on function tally.billing_identifier(uuid, text, timestamptz, integer) is
  'The identifier of a report, the same whenever it is computed: sinks count one identifier once.';
revoke execute on function tally.billing_identifier(uuid, text, timestamptz, integer)
  from public, anon, authenticated;

create function tally.billing_time(
  customer public.billing_customers, hour timestamptz, at timestamptz, oldest interval)
returns table (event_at timestamptz, note text)
language sql stable security invoker set search_path = ''
as $$
  select case when n.note is null then t.inside
      else greatest(date_bin('1 hour', billing_time.at, timestamptz 'epoch'),
        (billing_time.customer).invoiced_until) end,
    n.note
  from (
    -- Never before billing began: a subscription does not count what came before it.
    select coalesce(
      lower((billing_time.customer).billed_during
        * tstzmultirange(tstzrange(billing_time.hour, billing_time.hour + interval '1 hour'))),
      billing_time.hour) as inside
  ) as t
  cross join lateral (
    select case
      when t.inside < (billing_time.customer).invoiced_until
        then format('Billed later: the invoice over %s was final already.',
          to_char(billing_time.hour at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
      when t.inside < billing_time.at - billing_time.oldest + interval '1 hour'
        then format('Billed later: %s is too long ago to be reported.',
          to_char(billing_time.hour at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
    end as note
  ) as n
$$;
comment on function tally.billing_time(public.billing_customers, timestamptz, timestamptz,
  interval) is
  'The time that an hour is sent with: its own, or the current hour, with a note, when its invoice is final or it is older than the sink takes.';
revoke execute on function tally.billing_time(public.billing_customers, timestamptz, timestamptz,
  interval)
  from public, anon, authenticated;

create function tally.billed_amounts(organization_ids uuid[], hours timestamptz[])
returns table (organization_id uuid, event_name text, hour timestamptz, amount numeric)
language sql stable security definer set search_path = '' set jit = off
as $$
  select c.organization_id, m.event_name, h.hour,
    coalesce(u.amount, 0) * m.scale
      * case when m.has_markup then tally.billing_markup(c.organization_id, h.hour) else 1 end
  from unnest(billed_amounts.organization_ids, billed_amounts.hours) as h (organization_id, hour)
  join public.billing_customers as c on c.organization_id = h.organization_id
  join public.billing_meters as m on m.enabled
  cross join lateral (
    select sum(case m.metric
      when 'cost_usd' then b.cost_usd
      when 'total_tokens' then b.input_tokens + b.output_tokens
      when 'input_tokens' then b.input_tokens
      when 'output_tokens' then b.output_tokens
      when 'requests' then b.request_count
      else b.units end) as amount
    from tally.usage_buckets as b
    where b.organization_id = c.organization_id
      and b.bucket_start >= h.hour and b.bucket_start < h.hour + interval '1 hour'
      and b.bucket_start > m.starts_at - interval '15 minutes'
      and c.billed_during && tstzrange(b.bucket_start, b.bucket_start + interval '15 minutes')
      and (m.filters = '{}'
        or jsonb_build_object('provider', b.provider, 'model', b.model, 'tool_name', b.tool_name,
          'operation', b.operation, 'resource_type', b.resource_type,
          'service_tier', b.service_tier, 'status', b.status, 'unit_type', b.unit_type,
          'is_byok', b.is_byok) @> m.filters)
  ) as u
$$;
comment on function tally.billed_amounts(uuid[], timestamptz[]) is
  'What the ledger says now of pairs of organization and hour, by every enabled meter: exact, in units of the meter.';
revoke execute on function tally.billed_amounts(uuid[], timestamptz[])
  from public, anon, authenticated;

create function tally.add_billing_reports(
  organization_ids uuid[], hours timestamptz[], accounts tally.billing_accounts[], at timestamptz,
  oldest interval)
returns integer
language plpgsql volatile security definer set search_path = '' set jit = off
as $$
declare
  v_added integer;
begin
  with known as (
    select r.organization_id, r.event_name, r.hour, sum(r.amount) as amount, max(r.seq) as seq
    from public.billing_reports as r
    join unnest(add_billing_reports.organization_ids, add_billing_reports.hours)
      as h (organization_id, hour)
      on h.organization_id = r.organization_id and h.hour = r.hour
    group by r.organization_id, r.event_name, r.hour
  ),
  differences as (
    select b.organization_id, b.event_name, b.hour, b.amount - coalesce(k.amount, 0) as amount,
      coalesce(k.seq, 0) as seq
    from tally.billed_amounts(add_billing_reports.organization_ids, add_billing_reports.hours) as b
    left join known as k
      on k.organization_id = b.organization_id and k.event_name = b.event_name and k.hour = b.hour
    where b.amount <> coalesce(k.amount, 0)
  ),
  -- Rounded down as one running sum: no unit is lost between two reports, none is billed before it
  -- is whole. A meter that the customer has no account of yet is left out: with the account all
  -- hours are marked again.
  chained as (
    select d.*,
      a.remainder + sum(d.amount) over (
        partition by d.organization_id, d.event_name order by d.hour) as upto
    from differences as d
    join unnest(add_billing_reports.accounts) as a
      on a.organization_id = d.organization_id and a.event_name = d.event_name
  ),
  carried as (
    update tally.billing_accounts as a
    set remainder = l.upto - floor(l.upto)
    from (
      select distinct on (c.organization_id, c.event_name) c.organization_id, c.event_name, c.upto
      from chained as c
      order by c.organization_id, c.event_name, c.hour desc
    ) as l
    where a.organization_id = l.organization_id and a.event_name = l.event_name
  )
  insert into public.billing_reports (organization_id, event_name, hour, seq, identifier, amount,
    value, stripe_customer_id, event_at, state, next_attempt_at, is_final, note, created_at,
    delivered_at)
  select c.organization_id, c.event_name, c.hour, c.seq + p.part,
    tally.billing_identifier(c.organization_id, c.event_name, c.hour, c.seq + p.part),
    case p.part when 1 then c.amount else 0 end, v.value, u.stripe_customer_id, t.event_at,
    case v.value when 0 then 'delivered' else 'pending' end, add_billing_reports.at,
    coalesce(u.ended_at < c.hour + interval '1 hour', false),
    case v.value when 0 then 'Less than one unit: carried.' else t.note end, add_billing_reports.at,
    case v.value when 0 then add_billing_reports.at end
  from chained as c
  join public.billing_customers as u on u.organization_id = c.organization_id
  cross join lateral tally.billing_time(
    u, c.hour, add_billing_reports.at, add_billing_reports.oldest) as t
  cross join lateral (select floor(c.upto) - floor(c.upto - c.amount) as whole) as w
  -- A value has at most 15 digits: more than that is several reports.
  cross join lateral generate_series(
    1, greatest(1, ceil(abs(w.whole) / (1e15 - 1)))::integer) as p (part)
  cross join lateral (
    select sign(w.whole) * least(1e15 - 1, abs(w.whole) - (p.part - 1) * (1e15 - 1)) as value
  ) as v
  order by c.organization_id, c.event_name, c.hour, p.part;
  get diagnostics v_added = row_count;
  return v_added;
end;
$$;
comment on function tally.add_billing_reports(uuid[], timestamptz[], tally.billing_accounts[],
  timestamptz, interval) is
  'Puts the differences of pairs of organization and hour among the reports. The caller has locked the accounts.';
revoke execute on function tally.add_billing_reports(uuid[], timestamptz[],
  tally.billing_accounts[], timestamptz, interval)
  from public, anon, authenticated;

create function tally.mark_new_accounts(max_organizations integer)
returns tally.billing_accounts_to_open[]
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_organization record;
  v_marked tally.billing_accounts_to_open[] := '{}'::tally.billing_accounts_to_open[];
begin
  for v_organization in
    select o.organization_id, min(o.starts_at) as starts_at, array_agg(o) as accounts
    from tally.billing_accounts_to_open as o
    group by o.organization_id
    order by o.organization_id
    limit mark_new_accounts.max_organizations
  loop
    -- One that is being folded now waits for the next run, rather than this run for it.
    continue when not tally.try_lock_folding(v_organization.organization_id);
    perform tally.mark_billed_hours(v_organization.organization_id, v_organization.starts_at);
    v_marked := v_marked || v_organization.accounts;
  end loop;
  return v_marked;
end;
$$;
comment on function tally.mark_new_accounts(integer) is
  'Has the hours looked at that customers share with meters they have not met, and answers the accounts that lock_billing_accounts() is to open.';
revoke execute on function tally.mark_new_accounts(integer) from public, anon, authenticated;

create function tally.lock_billing_accounts(
  organization_ids uuid[], opened tally.billing_accounts_to_open[])
returns tally.billing_accounts[]
language sql volatile security definer set search_path = ''
as $$
  -- New and known ones in one order: two runs never wait for each other in a circle.
  with locked as (
    insert into tally.billing_accounts as a (organization_id, event_name, generation)
    select o.organization_id, o.event_name, max(o.generation)
    from (
      select u.organization_id, u.event_name, u.generation
      from unnest(lock_billing_accounts.opened) as u
      union all
      select k.organization_id, k.event_name, k.generation from tally.billing_accounts as k
      where k.organization_id = any (lock_billing_accounts.organization_ids)
    ) as o
    group by o.organization_id, o.event_name
    order by o.organization_id, o.event_name
    on conflict on constraint billing_accounts_pkey
    do update set generation = greatest(a.generation, excluded.generation)
    returning a.*
  )
  select array_agg(l::tally.billing_accounts) from locked as l
$$;
comment on function tally.lock_billing_accounts(uuid[], tally.billing_accounts_to_open[]) is
  'Locks the accounts of organizations and opens others, in the order of everything that locks accounts; answers them as they are then.';
revoke execute on function tally.lock_billing_accounts(uuid[], tally.billing_accounts_to_open[])
  from public, anon, authenticated;

create function tally.prepare_billing_reports(
  max_hours integer default 500, at timestamptz default now(), oldest interval default '35 days')
returns table (hours integer, reports integer)
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_opened tally.billing_accounts_to_open[];
  v_organizations uuid[];
  v_hours timestamptz[];
  v_accounts tally.billing_accounts[];
begin
  perform tally.require_operator('report usage');
  v_opened := tally.mark_new_accounts(least(prepare_billing_reports.max_hours, 200));
  -- Taken away before the sums are read: a change that comes later puts the hour there again.
  with closed as (
    select h.organization_id, h.hour
    from tally.changed_hours as h
    join public.billing_customers as c on c.organization_id = h.organization_id
    -- An hour is closed a minute after its end; the last one of a subscription with the
    -- subscription.
    where h.hour + interval '61 minutes' <= prepare_billing_reports.at
      or c.ended_at <= prepare_billing_reports.at and c.ended_at < h.hour + interval '1 hour'
    order by h.organization_id, h.hour
    limit prepare_billing_reports.max_hours
    for update of h skip locked
  ),
  taken as (
    delete from tally.changed_hours as h
    using closed as c
    where h.organization_id = c.organization_id and h.hour = c.hour
    returning h.organization_id, h.hour
  )
  select array_agg(t.organization_id), array_agg(t.hour) into v_organizations, v_hours
  from taken as t;
  hours := coalesce(cardinality(v_hours), 0);
  reports := 0;
  if hours > 0 or cardinality(v_opened) > 0 then
    v_accounts := tally.lock_billing_accounts(v_organizations, v_opened);
  end if;
  if hours > 0 then
    reports := tally.add_billing_reports(
      v_organizations, v_hours, v_accounts, prepare_billing_reports.at,
      prepare_billing_reports.oldest);
  end if;
  return next;
end;
$$;
comment on function tally.prepare_billing_reports(integer, timestamptz, interval) is
  'Takes over closed hours whose sums have changed (operator) and makes the reports of the differences. Any number may run at once.';
revoke execute on function tally.prepare_billing_reports(integer, timestamptz, interval)
  from public, anon, authenticated;
grant execute on function tally.prepare_billing_reports(integer, timestamptz, interval)
  to service_role;
