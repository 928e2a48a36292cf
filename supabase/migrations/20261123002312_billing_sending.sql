-- Sending: reports that are ready are claimed by a sender, and what became of them is noted.

create function tally.is_beyond_memory(
  report public.billing_reports, at timestamptz, memory interval)
returns boolean
language sql immutable security invoker set search_path = ''
as $$
  -- A first attempt that lies ahead is a clock that was turned back: how long ago it was, nobody
  -- knows.
  select coalesce(
    not (s.unsure_since
      between is_beyond_memory.at - is_beyond_memory.memory and is_beyond_memory.at),
    false)
  from (
    select coalesce((is_beyond_memory.report).unsure_since,
      case when (is_beyond_memory.report).is_sending
        then (is_beyond_memory.report).attempted_at end) as unsure_since
  ) as s
$$;
comment on function tally.is_beyond_memory(public.billing_reports, timestamptz, interval) is
  'Whether a report may have arrived so long ago that the sink has forgotten its identifier: it must not be sent again.';
revoke execute on function tally.is_beyond_memory(public.billing_reports, timestamptz, interval)
  from public, anon, authenticated;

create function tally.lease_billing_accounts(
  lease uuid, max_accounts integer, at timestamptz, memory interval)
returns tally.billing_accounts[]
language sql volatile security definer set search_path = ''
as $$
  with due as (
    select distinct r.organization_id, r.event_name
    from public.billing_reports as r
    join public.billing_customers as c on c.organization_id = r.organization_id
    where r.state = 'pending' and r.next_attempt_at <= lease_billing_accounts.at
      and not tally.is_beyond_memory(r, lease_billing_accounts.at, lease_billing_accounts.memory)
  ),
  free as (
    select a.organization_id, a.event_name
    from tally.billing_accounts as a
    join due as d on d.organization_id = a.organization_id and d.event_name = a.event_name
    -- One sender per customer and meter, as Stripe wants it. A lease beyond its length is a clock
    -- turned back.
    where coalesce(
      a.leased_until
        not between lease_billing_accounts.at and lease_billing_accounts.at + interval '5 minutes',
      true)
    order by a.organization_id, a.event_name
    limit lease_billing_accounts.max_accounts
    for update of a skip locked
  ),
  leased as (
    update tally.billing_accounts as a
    set lease = lease_billing_accounts.lease,
      leased_until = lease_billing_accounts.at + interval '5 minutes'
    from free as f
    where a.organization_id = f.organization_id and a.event_name = f.event_name
    returning a.*
  )
  select coalesce(array_agg(l::tally.billing_accounts), '{}') from leased as l
$$;
comment on function tally.lease_billing_accounts(uuid, integer, timestamptz, interval) is
  'Leases accounts that have something to send, and that nobody sends for, for five minutes.';
revoke execute on function tally.lease_billing_accounts(uuid, integer, timestamptz, interval)
  from public, anon, authenticated;

create function tally.claim_billing_reports(
  max_accounts integer default 25, per_account integer default 20, at timestamptz default now(),
  oldest interval default '35 days', memory interval default '23 hours')
returns table (
  organization_id uuid, event_name text, hour timestamptz, seq integer, lease uuid, identifier text,
  idempotency_key text, stripe_customer_id text, value text, event_at timestamptz)
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lease uuid := gen_random_uuid();
  v_leased tally.billing_accounts[];
begin
  perform tally.require_operator('report usage');
  v_leased := tally.lease_billing_accounts(
    v_lease, claim_billing_reports.max_accounts, claim_billing_reports.at,
    claim_billing_reports.memory);
  -- A statement of its own: it sees what the last sender noted when it gave these accounts back.
  return query
  with chosen as (
    select r.organization_id, r.event_name, r.hour, r.seq, u.stripe_customer_id,
      case when l.is_late then t.event_at else r.event_at end as event_at,
      case when l.is_late then t.note end as note, l.is_late or l.is_elsewhere as is_new
    from unnest(v_leased) as a
    cross join lateral (
      select p.* from public.billing_reports as p
      where p.organization_id = a.organization_id and p.event_name = a.event_name
        and p.state = 'pending'
        and p.next_attempt_at <= claim_billing_reports.at
        and not tally.is_beyond_memory(p, claim_billing_reports.at, claim_billing_reports.memory)
      order by p.hour, p.seq
      limit claim_billing_reports.per_account
    ) as r
    join public.billing_customers as u on u.organization_id = r.organization_id
    cross join lateral tally.billing_time(
      u, r.hour, claim_billing_reports.at, claim_billing_reports.oldest) as t
    -- What has surely not arrived may still be sent otherwise: with a time that is taken, to
    -- another customer.
    cross join lateral (
      select
        s.is_free and (coalesce(r.event_at < u.invoiced_until, false)
          or r.event_at < claim_billing_reports.at - claim_billing_reports.oldest
            + interval '1 hour') as is_late,
        -- A repair mends the sums of the customer that lacks it, whoever is billed now.
        s.is_free and r.kind = 'usage'
          and r.stripe_customer_id <> u.stripe_customer_id as is_elsewhere
      from (select r.unsure_since is null and not r.is_sending as is_free) as s
    ) as l
  )
  update public.billing_reports as r
  set is_sending = true, attempts = r.attempts + 1, attempted_at = claim_billing_reports.at,
    unsure_since = coalesce(r.unsure_since, case when r.is_sending then r.attempted_at end),
    event_at = c.event_at, note = coalesce(c.note, r.note),
    stripe_customer_id = case when c.is_new then c.stripe_customer_id else r.stripe_customer_id end,
    key_number = r.key_number + case when c.is_new and r.attempts > 0 then 1 else 0 end
  from chosen as c
  where r.organization_id = c.organization_id and r.event_name = c.event_name
    and r.hour = c.hour and r.seq = c.seq
  returning r.organization_id, r.event_name, r.hour, r.seq, v_lease, r.identifier,
    r.identifier || case when r.key_number > 1 then ':r' || r.key_number else '' end,
    r.stripe_customer_id, r.value::text, r.event_at;
  -- Of some nothing was left to send: the last sender was quicker.
  update tally.billing_accounts as a
  set lease = null, leased_until = null
  from unnest(v_leased) as l
  where a.organization_id = l.organization_id and a.event_name = l.event_name and a.lease = v_lease
    and not exists (
      select from public.billing_reports as r
      where r.organization_id = a.organization_id and r.event_name = a.event_name
        and r.state = 'pending' and r.is_sending
        and r.attempted_at = claim_billing_reports.at
    );
end;
$$;
comment on function tally.claim_billing_reports(integer, integer, timestamptz, interval,
  interval) is
  'Leases the due reports of some accounts to one sender for five minutes (operator), and notes before they are sent that they may have been.';
revoke execute on function tally.claim_billing_reports(integer, integer, timestamptz, interval,
  interval)
  from public, anon, authenticated;
grant execute on function tally.claim_billing_reports(integer, integer, timestamptz, interval,
  interval)
  to service_role;

create function tally.billing_retry_delay(
  outcome text, attempts integer, chance double precision default random())
returns interval
language sql immutable security invoker set search_path = ''
as $$
  select case billing_retry_delay.outcome
    when 'refused' then
      least(interval '10 minutes' * 2 ^ least(billing_retry_delay.attempts - 1, 20),
        interval '6 hours')
    else
      least(interval '2 seconds' * 2 ^ least(billing_retry_delay.attempts - 1, 20),
        interval '1 hour')
  end * (0.5 + 0.5 * billing_retry_delay.chance)
$$;
comment on function tally.billing_retry_delay(text, integer, double precision) is
  'How long to wait after so many attempts: 2 s, 4 s, 8 s … up to an hour; what was refused 10 minutes … 6 hours; from half of it on. Nothing is given up.';
revoke execute on function tally.billing_retry_delay(text, integer, double precision)
  from public, anon, authenticated;

create function tally.finish_billing_reports(
  lease uuid, outcomes jsonb, at timestamptz default now())
returns integer
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_noted integer;
begin
  perform tally.require_operator('report usage');
  -- Their accounts first, as everything else does. Whoever has lost the lease may still tell what
  -- arrived.
  perform from tally.billing_accounts as a
  where (a.organization_id, a.event_name) in (
    select o.organization_id, o.event_name
    from jsonb_to_recordset(finish_billing_reports.outcomes)
      as o (organization_id uuid, event_name text)
  )
  order by a.organization_id, a.event_name
  for update;
  update public.billing_reports as r
  set state = case when o.outcome = 'delivered' then 'delivered' else 'pending' end,
    delivered_at = case when o.outcome = 'delivered' then finish_billing_reports.at end,
    is_sending = false,
    unsure_since = case when o.outcome = 'delivered' then null
      when o.outcome like 'unknown%' then coalesce(r.unsure_since, r.attempted_at)
      else r.unsure_since end,
    -- A 500 is repeated for its idempotency key: the next attempt has another, under the same
    -- identifier.
    key_number = r.key_number + case when o.outcome = 'unknown_stored' then 1 else 0 end,
    next_attempt_at = case when o.outcome in ('delivered', 'unsent') then r.next_attempt_at
      else finish_billing_reports.at + tally.billing_retry_delay(o.outcome, r.attempts) end,
    attempts = r.attempts - case when o.outcome = 'unsent' then 1 else 0 end,
    last_error = case when o.outcome = 'unsent' then r.last_error else o.error end
  from jsonb_to_recordset(finish_billing_reports.outcomes)
    as o (
      organization_id uuid, event_name text, hour timestamptz, seq integer, outcome text,
      error text)
  join tally.billing_accounts as a
    on a.organization_id = o.organization_id and a.event_name = o.event_name
  where r.organization_id = o.organization_id and r.event_name = o.event_name
    and r.hour = o.hour and r.seq = o.seq
    and r.state = 'pending' and (o.outcome = 'delivered' or a.lease = finish_billing_reports.lease);
  get diagnostics v_noted = row_count;
  update tally.billing_accounts as a
  set lease = null, leased_until = null
  where a.lease = finish_billing_reports.lease
    and (a.organization_id, a.event_name) in (
      select o.organization_id, o.event_name
      from jsonb_to_recordset(finish_billing_reports.outcomes)
        as o (organization_id uuid, event_name text)
    );
  return v_noted;
end;
$$;
comment on function tally.finish_billing_reports(uuid, jsonb, timestamptz) is
  'Notes what became of claimed reports (operator) and gives their accounts back: outcomes are [{organization_id, event_name, hour, seq, outcome, error}], outcome delivered, retry and refused (surely not arrived), unknown, unknown_stored (and the same key would repeat it) or unsent.';
revoke execute on function tally.finish_billing_reports(uuid, jsonb, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.finish_billing_reports(uuid, jsonb, timestamptz) to service_role;
