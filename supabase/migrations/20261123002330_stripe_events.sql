-- What Stripe tells by webhook: subscriptions move organizations between plans and end billing,
-- invoices close periods, entitlements open gates, late errors have hours checked. Each event
-- counts once.

create table tally.stripe_events (
  id text primary key,
  type text not null,
  outcome text not null,
  received_at timestamptz not null
);
comment on table tally.stripe_events is
  'The events of Stripe that were received, for 90 days: a repeated one changes nothing.';
create index stripe_events_by_time on tally.stripe_events (received_at);
alter table tally.stripe_events enable row level security;
revoke all on tally.stripe_events from anon, authenticated, service_role;

create function tally.move_to_plan(organization_id uuid, plan_id text)
returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_plan_id text := coalesce(
    move_to_plan.plan_id, (select s.default_plan from tally.settings as s));
begin
  if v_plan_id is not null and exists (
    select from public.organizations as o
    where o.id = move_to_plan.organization_id and o.plan_id is distinct from v_plan_id
  ) then
    perform tally.assign_plan(move_to_plan.organization_id, v_plan_id);
  end if;
  return v_plan_id;
end;
$$;
comment on function tally.move_to_plan(uuid, text) is
  'Puts an organization on a plan (null: the default one, when there is one), unless it is on it already.';
revoke execute on function tally.move_to_plan(uuid, text) from public, anon, authenticated;

create function tally.subscribed_plan(subscription jsonb)
returns text
language sql stable security definer set search_path = ''
as $$
  select p.plan_id
  from jsonb_array_elements(coalesce(subscribed_plan.subscription #> '{items,data}', '[]'))
    with ordinality as i (item, place)
  join public.billing_plans as p
    on p.stripe_id in (
      i.item #>> '{price,id}', i.item #>> '{price,lookup_key}', i.item #>> '{price,product}')
  order by i.place, p.stripe_id = i.item #>> '{price,id}' desc
  limit 1
$$;
comment on function tally.subscribed_plan(jsonb) is
  'The plan that the items of a subscription mean; null when billing_plans knows none of them.';
revoke execute on function tally.subscribed_plan(jsonb) from public, anon, authenticated;

create function tally.end_billing(customer public.billing_customers, ended_at timestamptz)
returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- The plan first: it waits for a fold of the organization, and a fold would wait for the hours
  -- marked below.
  perform tally.move_to_plan((end_billing.customer).organization_id, null);
  update public.billing_customers as c
  set ended_at = end_billing.ended_at, updated_at = now(),
    billed_during = c.billed_during - tstzmultirange(tstzrange(end_billing.ended_at, null))
  where c.organization_id = (end_billing.customer).organization_id;
  -- The last hour is not waited for: the last invoice will not.
  perform tally.mark_billed_hours((end_billing.customer).organization_id, end_billing.ended_at);
end;
$$;
comment on function tally.end_billing(public.billing_customers, timestamptz) is
  'Bills nothing after a moment, has its hour reported at once, and puts the organization on the default plan.';
revoke execute on function tally.end_billing(public.billing_customers, timestamptz)
  from public, anon, authenticated;

create function tally.apply_subscription(
  customer public.billing_customers, subscription jsonb, event_at timestamptz, is_new boolean)
returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_status text := apply_subscription.subscription ->> 'status';
  v_is_over boolean := v_status in ('canceled', 'incomplete_expired');
  v_same boolean := (apply_subscription.customer).stripe_subscription_id
    is not distinct from apply_subscription.subscription ->> 'id';
  v_from timestamptz := case when apply_subscription.is_new
    then to_timestamp((apply_subscription.subscription ->> 'start_date')::bigint)
    else apply_subscription.event_at end;
  v_was_over boolean := coalesce(
    (apply_subscription.customer).subscription_status in ('canceled', 'incomplete_expired'), true);
begin
  -- Events come in any order. What is over stays over; of two subscriptions the live one counts.
  if v_same
    and ((apply_subscription.customer).subscription_event_at > apply_subscription.event_at
      or (apply_subscription.customer).subscription_status in ('canceled', 'incomplete_expired'))
  then
    return 'older';
  elsif not v_same and not v_was_over and v_is_over then
    return 'another subscription';
  end if;
  update public.billing_customers as c
  set stripe_subscription_id = apply_subscription.subscription ->> 'id',
    subscription_status = v_status,
    subscription_event_at = apply_subscription.event_at, updated_at = now(),
    ended_at = case when v_is_over then c.ended_at end,
    billed_during = case when v_is_over or upper_inf(c.billed_during) then c.billed_during
      else c.billed_during + tstzmultirange(tstzrange(v_from, null)) end
  where c.organization_id = (apply_subscription.customer).organization_id;
  if v_is_over then
    perform tally.end_billing(apply_subscription.customer, coalesce(
      to_timestamp((apply_subscription.subscription ->> 'ended_at')::bigint),
      apply_subscription.event_at));
  elsif v_status in ('active', 'trialing', 'past_due') then
    if tally.subscribed_plan(apply_subscription.subscription) is not null then
      perform tally.move_to_plan((apply_subscription.customer).organization_id,
        tally.subscribed_plan(apply_subscription.subscription));
    end if;
  elsif v_status in ('unpaid', 'paused') then
    perform tally.move_to_plan((apply_subscription.customer).organization_id, null);
  end if;
  if not v_is_over and not upper_inf((apply_subscription.customer).billed_during) then
    -- Use between its start and now was looked at while nothing was billed.
    perform tally.mark_billed_hours((apply_subscription.customer).organization_id, v_from);
  end if;
  return 'applied';
end;
$$;
comment on function tally.apply_subscription(public.billing_customers, jsonb, timestamptz,
  boolean) is
  'Moves an organization to the plan of its subscription, starts and ends its billing.';
revoke execute on function tally.apply_subscription(public.billing_customers, jsonb, timestamptz,
  boolean)
  from public, anon, authenticated;

create function tally.apply_entitlements(
  customer public.billing_customers, summary jsonb, event_at timestamptz)
returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_keys text[] := array(
    select distinct e ->> 'lookup_key'
    from jsonb_array_elements(
      coalesce(apply_entitlements.summary #> '{entitlements,data}', '[]')) as e
    where e ->> 'lookup_key' is not null);
begin
  if (apply_entitlements.customer).entitlements_event_at > apply_entitlements.event_at then
    return 'older';
  end if;
  update public.billing_customers as c set entitlements_event_at = apply_entitlements.event_at
  where c.organization_id = (apply_entitlements.customer).organization_id;
  delete from public.billing_entitlements as e
  where e.organization_id = (apply_entitlements.customer).organization_id
    and e.lookup_key <> all (v_keys);
  insert into public.billing_entitlements (organization_id, lookup_key)
  select (apply_entitlements.customer).organization_id, k from unnest(v_keys) as k
  on conflict do nothing;
  return 'applied';
end;
$$;
comment on function tally.apply_entitlements(public.billing_customers, jsonb, timestamptz) is
  'Makes the features of an organization those that Stripe lists.';
revoke execute on function tally.apply_entitlements(public.billing_customers, jsonb, timestamptz)
  from public, anon, authenticated;

create function tally.apply_invoice(customer public.billing_customers, type text, invoice jsonb)
returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_until timestamptz := to_timestamp((apply_invoice.invoice ->> 'period_end')::bigint);
begin
  if apply_invoice.type = 'invoice.payment_failed' then
    -- Stripe will not try again: the plan is not paid for.
    if apply_invoice.invoice ->> 'next_payment_attempt' is null then
      perform tally.move_to_plan((apply_invoice.customer).organization_id, null);
    end if;
    return 'applied';
  end if;
  -- What changes in a period whose invoice is final would be counted by Stripe and billed by
  -- nobody.
  update public.billing_customers as c
  set invoiced_until = greatest(c.invoiced_until, v_until), updated_at = now()
  where c.organization_id = (apply_invoice.customer).organization_id
    and apply_invoice.invoice ->> 'billing_reason' like 'subscription%';
  return case when found then 'applied' else 'ignored' end;
end;
$$;
comment on function tally.apply_invoice(public.billing_customers, text, jsonb) is
  'A final invoice closes its period; one that will not be paid ends the plan.';
revoke execute on function tally.apply_invoice(public.billing_customers, text, jsonb)
  from public, anon, authenticated;

create function tally.receive_stripe_event(event jsonb, at timestamptz default now())
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_type text := receive_stripe_event.event ->> 'type';
  v_object jsonb := receive_stripe_event.event #> '{data,object}';
  v_event_at timestamptz := to_timestamp((receive_stripe_event.event ->> 'created')::bigint);
  v_customer public.billing_customers;
  v_outcome text;
begin
  perform tally.require_operator('receive events of Stripe');
  -- Claimed first, in the transaction that applies it: what fails is not remembered, and comes
  -- again.
  insert into tally.stripe_events (id, type, outcome, received_at)
  values (receive_stripe_event.event ->> 'id', v_type, 'ignored', receive_stripe_event.at)
  on conflict do nothing;
  if not found then
    return jsonb_build_object('status', 'duplicate');
  end if;
  select c.* into v_customer
  from public.billing_customers as c
  where c.stripe_customer_id = case when v_type like 'customer.deleted' then v_object ->> 'id'
    else v_object ->> 'customer' end
  for update;
  if v_customer.organization_id is null then
    v_outcome := 'unknown customer';
  elsif v_type in ('customer.subscription.created', 'customer.subscription.updated',
      'customer.subscription.deleted', 'customer.subscription.paused',
      'customer.subscription.resumed') then
    v_outcome := tally.apply_subscription(
      v_customer, v_object, v_event_at, v_type = 'customer.subscription.created');
  elsif v_type in ('invoice.finalized', 'invoice.paid', 'invoice.payment_failed') then
    v_outcome := tally.apply_invoice(v_customer, v_type, v_object);
  elsif v_type = 'entitlements.active_entitlement_summary.updated' then
    v_outcome := tally.apply_entitlements(v_customer, v_object, v_event_at);
  elsif v_type = 'customer.deleted' then
    perform tally.end_billing(v_customer, v_event_at);
    v_outcome := 'applied';
  else
    v_outcome := 'ignored';
  end if;
  update tally.stripe_events as e set outcome = v_outcome
  where e.id = receive_stripe_event.event ->> 'id';
  delete from tally.stripe_events as e
  where e.received_at < receive_stripe_event.at - interval '90 days';
  return jsonb_build_object('status', v_outcome, 'organization_id', v_customer.organization_id);
end;
$$;
comment on function tally.receive_stripe_event(jsonb, timestamptz) is
  'Applies an event of Stripe once (operator): {status, organization_id}; status is applied, duplicate, older, ignored, another subscription or unknown customer.';
revoke execute on function tally.receive_stripe_event(jsonb, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.receive_stripe_event(jsonb, timestamptz) to service_role;

create function tally.receive_meter_errors(
  event_id text, stripe_meter_id text, starts_at timestamptz, ends_at timestamptz, samples jsonb,
  at timestamptz default now(), lag interval default '1 hour')
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_joined integer;
  v_checks integer;
begin
  perform tally.require_operator('receive events of Stripe');
  insert into tally.stripe_events (id, type, outcome, received_at)
  values (receive_meter_errors.event_id, 'meter errors', 'applied', receive_meter_errors.at)
  on conflict do nothing;
  if not found then
    return jsonb_build_object('status', 'duplicate');
  end if;
  -- Their accounts first, as everything else does.
  perform from tally.billing_accounts as a
  where (a.organization_id, a.event_name) in (
    select r.organization_id, r.event_name
    from public.billing_reports as r
    join jsonb_to_recordset(receive_meter_errors.samples) as s (key text)
      on r.identifier = split_part(s.key, ':', 1)
  )
  order by a.organization_id, a.event_name
  for update;
  -- Stripe names the idempotency key of the request: the identifier, perhaps with the number of the
  -- key.
  update public.billing_reports as r
  set last_error = format('%s: %s', s.code, s.message)
  from jsonb_to_recordset(receive_meter_errors.samples) as s (key text, code text, message text)
  where r.identifier = split_part(s.key, ':', 1);
  get diagnostics v_joined = row_count;
  -- Only samples are named. Every hour that may be among the others is asked about, once the sums
  -- are in.
  insert into tally.billing_checks (organization_id, event_name, hour, due_at, reason)
  select distinct r.organization_id, r.event_name, r.billed_hour,
    receive_meter_errors.at + receive_meter_errors.lag + interval '1 minute', 'late errors'
  from public.billing_reports as r
  where r.attempts > 0 and (
    r.identifier in (
      select split_part(s.key, ':', 1)
      from jsonb_to_recordset(receive_meter_errors.samples) as s (key text)
    )
    -- Whatever may have been sent by then, were it not noted before a later attempt.
    or r.created_at <= receive_meter_errors.ends_at + interval '5 minutes'
      and coalesce(r.delivered_at >= receive_meter_errors.starts_at - interval '5 minutes', true)
      and r.event_name in (
        select m.event_name from public.billing_meters as m
        where m.stripe_meter_id = receive_meter_errors.stripe_meter_id
          or receive_meter_errors.stripe_meter_id is null
      )
  )
  order by 1, 2, 3
  on conflict on constraint billing_checks_pkey do nothing;
  get diagnostics v_checks = row_count;
  return jsonb_build_object('status', 'applied', 'joined', v_joined, 'checks', v_checks);
end;
$$;
comment on function tally.receive_meter_errors(text, text, timestamptz, timestamptz, jsonb,
  timestamptz, interval) is
  'Notes that Stripe refused events after it had accepted them (operator): samples are [{key, code, message}]. Their hours, and all that were sent in that span, are checked: {status, joined, checks}.';
revoke execute on function tally.receive_meter_errors(text, text, timestamptz, timestamptz, jsonb,
  timestamptz, interval)
  from public, anon, authenticated;
grant execute on function tally.receive_meter_errors(text, text, timestamptz, timestamptz, jsonb,
  timestamptz, interval)
  to service_role;
