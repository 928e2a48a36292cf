-- Reconciliation: what the sink itself says of an hour, against what was delivered to it. A repair
-- sends the difference, and only that.

create table public.billing_summaries (
  organization_id uuid not null,
  event_name text not null,
  hour timestamptz not null,
  stripe_customer_id text not null,
  delivered numeric not null,
  counted numeric not null,
  drift numeric generated always as (delivered - counted) stored,
  read_at timestamptz not null,
  primary key (organization_id, event_name, hour, stripe_customer_id)
);
comment on table public.billing_summaries is
  'The last reading of the sink''s own sums, hour by hour, beside what had been delivered for the hour by then.';
comment on column public.billing_summaries.drift is
  'Positive: the sink has less than was delivered.';

create table public.billing_reconciliations (
  organization_id uuid not null,
  id uuid not null default gen_random_uuid(),
  event_name text not null,
  stripe_customer_id text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  hours integer not null,
  drifted_hours integer not null,
  drift numeric not null,
  repaired numeric not null,
  postponed_hours integer not null,
  read_at timestamptz not null,
  primary key (organization_id, id)
);
comment on table public.billing_reconciliations is
  'Each comparison of a meter of an organization with the sink, and what it repaired.';
create index billing_reconciliations_by_time
  on public.billing_reconciliations (organization_id, read_at);

create table tally.billing_checks (
  organization_id uuid not null,
  event_name text not null,
  hour timestamptz not null,
  due_at timestamptz not null,
  reason text not null,
  primary key (organization_id, event_name, hour)
);
comment on table tally.billing_checks is 'Hours that the sink shall be asked about, and why.';
create index billing_checks_due on tally.billing_checks (due_at);

alter table public.billing_summaries enable row level security;
alter table public.billing_reconciliations enable row level security;
alter table tally.billing_checks enable row level security;
revoke all on public.billing_summaries, public.billing_reconciliations
  from anon, authenticated, service_role;
revoke all on tally.billing_checks from anon, authenticated, service_role;
grant select on public.billing_summaries, public.billing_reconciliations
  to authenticated, service_role;
create policy "members read what was counted for their organizations" on public.billing_summaries
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));
create policy "members read the reconciliations of their organizations"
  on public.billing_reconciliations
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create function tally.delivered_values(
  organization_id uuid, event_name text, stripe_customer_id text, starts_at timestamptz,
  ends_at timestamptz)
returns table (hour timestamptz, value numeric)
language sql stable security definer set search_path = ''
as $$
  -- A repair takes the place of what is missing in its hour: there it counts nothing once it has
  -- arrived, and until then the hour is expected to lack it.
  select d.hour, sum(d.value)
  from (
    select r.billed_hour as hour, r.value
    from public.billing_reports as r
    where r.organization_id = delivered_values.organization_id
      and r.event_name = delivered_values.event_name
      and r.stripe_customer_id = delivered_values.stripe_customer_id
      and r.billed_hour >= delivered_values.starts_at and r.billed_hour < delivered_values.ends_at
      and r.state = 'delivered'
    union all
    select r.hour, -r.value
    from public.billing_reports as r
    where r.organization_id = delivered_values.organization_id
      and r.event_name = delivered_values.event_name
      and r.stripe_customer_id = delivered_values.stripe_customer_id
      and r.hour >= delivered_values.starts_at and r.hour < delivered_values.ends_at
      and r.kind = 'repair'
  ) as d
  group by d.hour
$$;
comment on function tally.delivered_values(uuid, text, text, timestamptz, timestamptz) is
  'What the sink should count for a customer in each hour of a span, by what was delivered to it.';
revoke execute on function tally.delivered_values(uuid, text, text, timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.unsettled_hours(
  organization_id uuid, event_name text, starts_at timestamptz, ends_at timestamptz,
  read_at timestamptz, memory interval, lag interval)
returns setof timestamptz
language sql stable security definer set search_path = ''
as $$
  select r.billed_hour
  from public.billing_reports as r
  where r.organization_id = unsettled_hours.organization_id
    and r.event_name = unsettled_hours.event_name
    and r.billed_hour >= unsettled_hours.starts_at and r.billed_hour < unsettled_hours.ends_at
  group by r.billed_hour
  having
    bool_or(r.state = 'pending' and (r.unsure_since is not null or r.is_sending)
      and not tally.is_beyond_memory(r, unsettled_hours.read_at, unsettled_hours.memory))
    or max(greatest(r.attempted_at, case when r.value <> 0 then r.delivered_at end))
      > unsettled_hours.read_at - unsettled_hours.lag
$$;
comment on function tally.unsettled_hours(uuid, text, timestamptz, timestamptz, timestamptz,
  interval, interval) is
  'Hours of which the sink''s sums prove nothing yet: something was sent a moment ago, or will be sent again anyway.';
revoke execute on function tally.unsettled_hours(uuid, text, timestamptz, timestamptz, timestamptz,
  interval, interval)
  from public, anon, authenticated;

create function tally.repair_billed_hour(
  organization_id uuid, event_name text, stripe_customer_id text, hour timestamptz,
  missing numeric, counted numeric, at timestamptz, oldest interval, lag interval)
returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_customer public.billing_customers;
  v_seq integer;
  v_time record;
begin
  select c.* into v_customer from public.billing_customers as c
  where c.organization_id = repair_billed_hour.organization_id;
  select coalesce(max(r.seq), 0) + 1 into v_seq from public.billing_reports as r
  where r.organization_id = repair_billed_hour.organization_id
    and r.event_name = repair_billed_hour.event_name
    and r.hour = repair_billed_hour.hour;
  select t.* into v_time
  from tally.billing_time(
    v_customer, repair_billed_hour.hour, repair_billed_hour.at, repair_billed_hour.oldest) as t;
  insert into public.billing_reports (organization_id, event_name, hour, seq, identifier, kind,
    amount, value, stripe_customer_id, event_at, next_attempt_at, note, created_at)
  values (repair_billed_hour.organization_id, repair_billed_hour.event_name,
    repair_billed_hour.hour, v_seq,
    tally.billing_identifier(repair_billed_hour.organization_id, repair_billed_hour.event_name,
      repair_billed_hour.hour, v_seq),
    'repair', 0, repair_billed_hour.missing, repair_billed_hour.stripe_customer_id,
    v_time.event_at, repair_billed_hour.at,
    concat_ws(' ',
      format('Repair: %s was counted where %s was delivered.', repair_billed_hour.counted,
        repair_billed_hour.counted + repair_billed_hour.missing),
      v_time.note), repair_billed_hour.at);
  -- Looked at again, later each time: what is refused for ever is not sent every hour.
  insert into tally.billing_checks (organization_id, event_name, hour, due_at, reason)
  select repair_billed_hour.organization_id, repair_billed_hour.event_name, h.hour,
    repair_billed_hour.at
      + least(repair_billed_hour.lag * 2 ^ least(v_seq, 20), interval '24 hours')
      + interval '1 minute', 'repaired'
  from (
    select repair_billed_hour.hour
    union
    select date_bin('1 hour', v_time.event_at, timestamptz 'epoch')
  ) as h (hour)
  on conflict on constraint billing_checks_pkey
  do update set due_at = excluded.due_at, reason = excluded.reason;
end;
$$;
comment on function tally.repair_billed_hour(uuid, text, text, timestamptz, numeric, numeric,
  timestamptz, interval, interval) is
  'Sends what the sink lacks of an hour (or has too much, when negative), and has the hour checked again.';
revoke execute on function tally.repair_billed_hour(uuid, text, text, timestamptz, numeric, numeric,
  timestamptz, interval, interval)
  from public, anon, authenticated;

create function tally.record_billing_summaries(
  organization_id uuid, event_name text, stripe_customer_id text, starts_at timestamptz,
  ends_at timestamptz, counted jsonb, repair boolean, read_at timestamptz default now(),
  oldest interval default '35 days', memory interval default '23 hours',
  lag interval default '1 hour')
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_organization_id uuid := record_billing_summaries.organization_id;
  v_event_name text := record_billing_summaries.event_name;
  v_customer_id text := record_billing_summaries.stripe_customer_id;
  v_at timestamptz := record_billing_summaries.read_at;
  v_run public.billing_reconciliations;
  v_unsettled timestamptz[];
  v_hour record;
begin
  perform tally.require_operator('reconcile usage');
  perform from tally.billing_accounts as a
  where a.organization_id = v_organization_id and a.event_name = v_event_name
  for update;
  v_unsettled := array(select tally.unsettled_hours(v_organization_id, v_event_name,
    record_billing_summaries.starts_at, record_billing_summaries.ends_at, v_at,
    record_billing_summaries.memory, record_billing_summaries.lag));
  if record_billing_summaries.repair then
    -- Of unknown outcome and forgotten by the sink: taken as sent, and the sums tell what is
    -- missing.
    update public.billing_reports as r
    set state = 'delivered', delivered_at = coalesce(r.attempted_at, v_at), is_sending = false,
      note = concat_ws(' ', r.note, 'Of unknown outcome; settled by the sums of the sink.')
    where r.organization_id = v_organization_id and r.event_name = v_event_name
      and r.state = 'pending' and r.stripe_customer_id = v_customer_id
      and r.billed_hour >= record_billing_summaries.starts_at
      and r.billed_hour < record_billing_summaries.ends_at
      and r.billed_hour <> all (v_unsettled)
      and tally.is_beyond_memory(r, v_at, record_billing_summaries.memory);
  end if;
  v_run := row(v_organization_id, gen_random_uuid(), v_event_name, v_customer_id,
    record_billing_summaries.starts_at, record_billing_summaries.ends_at, 0, 0, 0, 0, 0, v_at);
  for v_hour in
    select coalesce(d.hour, c.hour) as hour, coalesce(d.value, 0) as delivered,
      coalesce(c.value, 0) as counted
    from tally.delivered_values(v_organization_id, v_event_name, v_customer_id,
      record_billing_summaries.starts_at, record_billing_summaries.ends_at) as d
    full join jsonb_to_recordset(record_billing_summaries.counted)
      as c (hour timestamptz, value numeric) on c.hour = d.hour
    order by 1
  loop
    insert into public.billing_summaries as s (organization_id, event_name, hour,
      stripe_customer_id, delivered, counted, read_at)
    values (v_organization_id, v_event_name, v_hour.hour, v_customer_id, v_hour.delivered,
      v_hour.counted, v_at)
    on conflict on constraint billing_summaries_pkey do update
    set delivered = excluded.delivered, counted = excluded.counted, read_at = excluded.read_at;
    v_run.hours := v_run.hours + 1;
    continue when v_hour.delivered = v_hour.counted;
    v_run.drifted_hours := v_run.drifted_hours + 1;
    v_run.drift := v_run.drift + v_hour.delivered - v_hour.counted;
    if v_hour.hour = any (v_unsettled) then
      v_run.postponed_hours := v_run.postponed_hours + 1;
    elsif record_billing_summaries.repair then
      perform tally.repair_billed_hour(v_organization_id, v_event_name, v_customer_id,
        v_hour.hour, v_hour.delivered - v_hour.counted, v_hour.counted, v_at,
        record_billing_summaries.oldest, record_billing_summaries.lag);
      v_run.repaired := v_run.repaired + v_hour.delivered - v_hour.counted;
    end if;
  end loop;
  if record_billing_summaries.repair then
    -- Settled, unless a repair of this run has put it off.
    delete from tally.billing_checks as k
    where k.organization_id = v_organization_id and k.event_name = v_event_name
      and k.hour >= record_billing_summaries.starts_at and k.hour < record_billing_summaries.ends_at
      and k.hour <> all (v_unsettled)
      and (k.reason <> 'repaired' or k.due_at <= v_at + interval '10 minutes');
  end if;
  insert into public.billing_reconciliations select v_run.*;
  return to_jsonb(v_run);
end;
$$;
comment on function tally.record_billing_summaries(uuid, text, text, timestamptz, timestamptz,
  jsonb, boolean, timestamptz, interval, interval, interval) is
  'Compares a reading of the sink''s sums for a customer, [{hour, value}], with what was delivered (operator), and with repair sends the differences of hours that nothing is on the way to. Answers the run.';
revoke execute on function tally.record_billing_summaries(uuid, text, text, timestamptz,
  timestamptz, jsonb, boolean, timestamptz, interval, interval, interval)
  from public, anon, authenticated;
grant execute on function tally.record_billing_summaries(uuid, text, text, timestamptz, timestamptz,
  jsonb, boolean, timestamptz, interval, interval, interval)
  to service_role;

create function tally.billed_customers(
  organization_id uuid, event_name text, starts_at timestamptz, ends_at timestamptz)
returns table (stripe_customer_id text)
language sql stable security definer set search_path = ''
as $$
  -- An organization may have become another customer: what was sent to the former one stays with
  -- it.
  select c.stripe_customer_id
  from public.billing_customers as c
  where c.organization_id = billed_customers.organization_id
  union
  select r.stripe_customer_id
  from public.billing_reports as r
  where r.organization_id = billed_customers.organization_id
    and r.event_name = billed_customers.event_name
    and r.billed_hour >= billed_customers.starts_at and r.billed_hour < billed_customers.ends_at
    and r.value <> 0
$$;
comment on function tally.billed_customers(uuid, text, timestamptz, timestamptz) is
  'As which customers an organization is and was billed in a span, by a meter.';
revoke execute on function tally.billed_customers(uuid, text, timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.claim_billing_checks(
  max integer default 20, at timestamptz default now(), memory interval default '23 hours')
returns table (
  organization_id uuid, event_name text, hour timestamptz, stripe_customer_id text,
  stripe_meter_id text)
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform tally.require_operator('reconcile usage');
  insert into tally.billing_checks (organization_id, event_name, hour, due_at, reason)
  select distinct r.organization_id, r.event_name, r.billed_hour, claim_billing_checks.at,
    'unknown outcome'
  from public.billing_reports as r
  where r.state = 'pending'
    and tally.is_beyond_memory(r, claim_billing_checks.at, claim_billing_checks.memory)
  order by 1, 2, 3
  on conflict do nothing;
  return query
  with due as (
    select k.organization_id, k.event_name, k.hour
    from tally.billing_checks as k
    where k.due_at <= claim_billing_checks.at
    order by k.due_at
    limit claim_billing_checks.max
    for update of k skip locked
  ),
  taken as (
    update tally.billing_checks as k
    set due_at = claim_billing_checks.at + interval '10 minutes'
    from due as d
    where k.organization_id = d.organization_id and k.event_name = d.event_name and k.hour = d.hour
    returning k.organization_id, k.event_name, k.hour
  )
  select t.organization_id, t.event_name, t.hour, u.stripe_customer_id, m.stripe_meter_id
  from taken as t
  join public.billing_meters as m on m.event_name = t.event_name
  cross join lateral tally.billed_customers(
    t.organization_id, t.event_name, t.hour, t.hour + interval '1 hour') as u;
end;
$$;
comment on function tally.claim_billing_checks(integer, timestamptz, interval) is
  'Takes on hours that the sink shall be asked about (operator): unknown outcomes that it has forgotten, late errors, repairs. They come again after ten minutes unless record_billing_summaries() settles them.';
revoke execute on function tally.claim_billing_checks(integer, timestamptz, interval)
  from public, anon, authenticated;
grant execute on function tally.claim_billing_checks(integer, timestamptz, interval)
  to service_role;

create function tally.has_due_billing(at timestamptz default now())
returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
      select from public.billing_reports as r
      join public.billing_customers as c on c.organization_id = r.organization_id
      where r.state = 'pending' and r.next_attempt_at <= has_due_billing.at
    )
    or exists (select from tally.billing_checks as k where k.due_at <= has_due_billing.at)
    or exists (select from tally.billing_accounts_to_open)
    or exists (
      select from tally.credit_to_mirror as g
      left join tally.credit_mirrors as m
        on m.organization_id = g.organization_id and m.grant_id = g.grant_id
      where coalesce(m.next_attempt_at <= has_due_billing.at, true)
    )
    or exists (
      select from tally.changed_hours as h
      join public.billing_customers as c on c.organization_id = h.organization_id
      where h.hour + interval '61 minutes' <= has_due_billing.at
        or c.ended_at <= has_due_billing.at and c.ended_at < h.hour + interval '1 hour'
    )
$$;
comment on function tally.has_due_billing(timestamptz) is
  'Whether there is anything to report or to ask about: a scheduler need not call stripe-report otherwise.';
revoke execute on function tally.has_due_billing(timestamptz) from public, anon, authenticated;
grant execute on function tally.has_due_billing(timestamptz) to service_role;

create function tally.list_billed_meters(
  only_organization_id uuid, starts_at timestamptz, ends_at timestamptz)
returns table (organization_id uuid, event_name text, stripe_customer_id text, stripe_meter_id text)
language sql stable security definer set search_path = ''
as $$
  select c.organization_id, m.event_name, u.stripe_customer_id, m.stripe_meter_id
  from public.billing_customers as c
  join tally.billing_accounts as a on a.organization_id = c.organization_id
  join public.billing_meters as m on m.event_name = a.event_name
  cross join lateral tally.billed_customers(
    c.organization_id, m.event_name, list_billed_meters.starts_at, list_billed_meters.ends_at) as u
  where list_billed_meters.only_organization_id is null
    or c.organization_id = list_billed_meters.only_organization_id
  order by c.organization_id, m.event_name, u.stripe_customer_id
$$;
comment on function tally.list_billed_meters(uuid, timestamptz, timestamptz) is
  'The meters that an organization (null: each one) has been billed by, and the customers in a span, with the ids of Stripe.';
revoke execute on function tally.list_billed_meters(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.list_billed_meters(uuid, timestamptz, timestamptz) to service_role;

create function public.stripe_drift(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz)
returns table (
  event_name text, hour timestamptz, stripe_customer_id text, delivered numeric, counted numeric,
  drift numeric, pending numeric, read_at timestamptz)
language sql stable security invoker set search_path = ''
as $$
  select s.event_name, s.hour, s.stripe_customer_id, s.delivered, s.counted, s.drift, coalesce((
      select sum(r.value) from public.billing_reports as r
      where r.organization_id = s.organization_id and r.event_name = s.event_name
        and r.billed_hour = s.hour and r.stripe_customer_id = s.stripe_customer_id
        and r.state = 'pending'
    ), 0), s.read_at
  from public.billing_summaries as s
  where s.organization_id = stripe_drift.organization_id
    and s.hour >= stripe_drift.starts_at and s.hour < stripe_drift.ends_at
    and s.drift <> 0
  order by s.event_name, s.hour, s.stripe_customer_id
$$;
comment on function public.stripe_drift(uuid, timestamptz, timestamptz) is
  'Hours in which Stripe counted something else than was delivered, at the last reading (member); no row: none. drift is positive when Stripe has less; pending is on its way. `tallybase stripe reconcile` reads anew.';
revoke execute on function public.stripe_drift(uuid, timestamptz, timestamptz)
  from public, anon, authenticated;
grant execute on function public.stripe_drift(uuid, timestamptz, timestamptz)
  to authenticated, service_role;

create function tally.verify_billing()
returns table (
  check_name text, organization_id uuid, event_name text, hour timestamptz, detail text)
language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform tally.require_operator('verify the billing');
  return query
  with reported as (
    select r.organization_id, r.event_name, r.hour, sum(r.amount) as amount
    from public.billing_reports as r
    group by r.organization_id, r.event_name, r.hour
  ),
  hours as (
    select r.organization_id, r.hour from reported as r
    union
    select b.organization_id, date_bin('1 hour', b.bucket_start, timestamptz 'epoch')
    from tally.usage_buckets as b
    join public.billing_customers as c on c.organization_id = b.organization_id
    except
    select h.organization_id, h.hour from tally.changed_hours as h
    except
    -- What is not folded yet is marked when it is.
    select p.organization_id, date_bin('1 hour', p.bucket_start, timestamptz 'epoch')
    from tally.pending_buckets as p
  ),
  said as (
    select b.*
    from (
      select array_agg(h.organization_id) as organization_ids, array_agg(h.hour) as hours
      from hours as h
    ) as a
    cross join lateral tally.billed_amounts(a.organization_ids, a.hours) as b
  )
  select 'reported_is_what_the_ledger_says', s.organization_id, s.event_name, s.hour,
    format('reported %s, ledger %s', coalesce(r.amount, 0), s.amount)
  from said as s
  left join reported as r
    on r.organization_id = s.organization_id and r.event_name = s.event_name and r.hour = s.hour
  where s.amount <> coalesce(r.amount, 0)
    and not exists (
      select from tally.billing_accounts_to_open as o
      where o.organization_id = s.organization_id and o.event_name = s.event_name
    )
  union all
  select 'remainder_is_what_was_not_sent', a.organization_id, a.event_name, null,
    format('remainder %s, amounts less values %s',
      a.remainder, coalesce(sum(r.amount - r.value), 0))
  from tally.billing_accounts as a
  left join public.billing_reports as r
    on r.organization_id = a.organization_id and r.event_name = a.event_name and r.kind = 'usage'
  group by a.organization_id, a.event_name
  having a.remainder <> coalesce(sum(r.amount - r.value), 0);
end;
$$;
comment on function tally.verify_billing() is 'Behind public.verify_billing.';
revoke execute on function tally.verify_billing() from public, anon, authenticated;
grant execute on function tally.verify_billing() to authenticated, service_role;

create function public.verify_billing()
returns table (
  check_name text, organization_id uuid, event_name text, hour timestamptz, detail text)
language sql stable security invoker set search_path = ''
as $$
  select v.check_name, v.organization_id, v.event_name, v.hour, v.detail
  from tally.verify_billing() as v
$$;
comment on function public.verify_billing() is
  'One row per broken promise of the billing, none when healthy (operator): what was reported of an hour is what the ledger says of it, and what was not sent is the remainder. Hours that wait to be taken over are left out.';
revoke execute on function public.verify_billing() from public, anon, authenticated;
grant execute on function public.verify_billing() to authenticated, service_role;
