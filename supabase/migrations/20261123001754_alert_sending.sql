-- How the outbox is emptied: a sender leases what is due, and says how each attempt ended.

create function tally.alert_attempts()
returns integer
language sql immutable security invoker set search_path = ''
as $$
  select 8
$$;
comment on function tally.alert_attempts() is
  'How often a delivery is tried before it becomes a dead letter.';
revoke execute on function tally.alert_attempts() from public, anon, authenticated;

create function tally.alert_retry_delay(attempts integer, chance double precision default random())
returns interval
language sql immutable security invoker set search_path = ''
as $$
  select least(interval '30 seconds' * 4 ^ (alert_retry_delay.attempts - 1), interval '12 hours')
    * (0.8 + 0.4 * alert_retry_delay.chance)
$$;
comment on function tally.alert_retry_delay(integer, double precision) is
  'How long to wait after so many attempts: 30 s, 2 min, 8 min, 32 min, 2 h 8 min, 8 h 32 min, 12 h, each give or take a fifth: 23 h in all.';
revoke execute on function tally.alert_retry_delay(integer, double precision)
  from public, anon, authenticated;

create function tally.alert_data(organization_id uuid, alert_id uuid)
returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
begin
  -- In plpgsql because a later file makes the table of top-ups.
  return (
    select jsonb_build_object(
      'alert_id', a.id,
      'organization_id', a.organization_id,
      'organization_name', o.name,
      'quota_id', a.quota_id,
      'kind', a.kind,
      'level', a.level,
      'threshold', trim_scale(a.threshold),
      'metric', a.metric,
      'quota_type', a.quota_type,
      'quota_limit', trim_scale(a.quota_limit),
      'current_usage', trim_scale(a.current_usage),
      'percent_used',
      case when a.quota_limit > 0 then floor(100 * a.current_usage / a.quota_limit) end,
      'period_start', a.period_start, 'reset_at', a.reset_at,
      'expected_at', a.expected_at,
      'created_at', a.created_at,
      'timezone', coalesce(q.timezone, o.timezone),
      'enforcement', q.enforcement,
      'is_credit', coalesce(q.is_credit, a.kind = 'top_up'),
      'scope', jsonb_strip_nulls(jsonb_build_object('user_id', q.user_id,
        'api_key_id', q.api_key_id, 'api_key_name', k.name, 'provider', q.provider,
        'model', q.model, 'tool_name', q.tool_name, 'resource_type', q.resource_type))
    ) || jsonb_strip_nulls(jsonb_build_object('top_up_amount', trim_scale(t.amount)))
    from public.usage_alerts as a
    join public.organizations as o on o.id = a.organization_id
    left join public.usage_quotas as q on q.organization_id = a.organization_id
      and q.id = a.quota_id
    left join public.credit_top_ups as t on t.organization_id = a.organization_id
      and a.kind = 'top_up'
    left join public.api_keys as k on k.organization_id = q.organization_id and k.id = q.api_key_id
    where a.organization_id = alert_data.organization_id and a.id = alert_data.alert_id
  );
end;
$$;
comment on function tally.alert_data(uuid, uuid) is
  'What a message says about an alert: the alert with the names of its organization and of what the quota is for.';
revoke execute on function tally.alert_data(uuid, uuid) from public, anon, authenticated;

create function tally.bury_alerts(at timestamptz)
returns void
language sql volatile security definer set search_path = ''
as $$
  with lost as (
    select d.organization_id, d.id, c.enabled
    from tally.alert_deliveries as d
    join public.alert_channels as c on c.organization_id = d.organization_id and c.id = d.channel_id
    where d.state = 'pending' and d.next_attempt_at <= bury_alerts.at
      and coalesce(d.leased_until <= bury_alerts.at, true)
      and (not c.enabled or d.attempts >= tally.alert_attempts())
    for update of d skip locked
  )
  update tally.alert_deliveries as d
  set state = 'dead', ended_at = bury_alerts.at, lease = null, leased_until = null,
    last_error = case when l.enabled then 'The sender ended before it knew the outcome.'
      else 'The channel is turned off.' end
  from lost as l
  where d.organization_id = l.organization_id and d.id = l.id
$$;
comment on function tally.bury_alerts(timestamptz) is
  'Makes dead letters of what cannot be sent: the channel is off, or the last attempt never reported back.';
revoke execute on function tally.bury_alerts(timestamptz) from public, anon, authenticated;

create function tally.claim_alert_deliveries(max integer, at timestamptz default now())
returns table (
  id uuid, lease uuid, organization_id uuid, channel_kind text, address text, secrets text,
  attempt integer, data text)
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform tally.bury_alerts(claim_alert_deliveries.at);
  return query
  with ranked as (
    select d.organization_id, d.id, d.next_attempt_at,
      row_number() over (partition by d.organization_id, d.channel_id order by d.next_attempt_at,
        d.id) as place
    from tally.alert_deliveries as d
    where d.state = 'pending' and d.next_attempt_at <= claim_alert_deliveries.at
      and coalesce(d.leased_until <= claim_alert_deliveries.at, true)
  ),
  due as (
    select d.organization_id, d.id
    from ranked as r
    join tally.alert_deliveries as d on d.organization_id = r.organization_id and d.id = r.id
    -- Five of one channel at a time: a slow receiver does not keep the others waiting. The state is
    -- asked again, for the row as it is once locked.
    where r.place <= 5 and d.state = 'pending' and d.next_attempt_at <= claim_alert_deliveries.at
      and coalesce(d.leased_until <= claim_alert_deliveries.at, true)
    order by r.next_attempt_at, d.id
    limit claim_alert_deliveries.max
    for update of d skip locked
  ),
  leased as (
    update tally.alert_deliveries as d
    set lease = gen_random_uuid(),
      leased_until = claim_alert_deliveries.at + interval '2 minutes',
      attempts = d.attempts + 1
    from due
    where d.organization_id = due.organization_id and d.id = due.id
    returning d.*
  )
  select l.id, l.lease, l.organization_id, c.kind, a.address,
    concat_ws(' ', a.secret, case when a.former_until > claim_alert_deliveries.at
      then a.former_secret end),
    l.attempts, tally.alert_data(l.organization_id, l.alert_id)::text
  from leased as l
  join public.alert_channels as c on c.organization_id = l.organization_id and c.id = l.channel_id
  join tally.alert_addresses as a on a.organization_id = l.organization_id
    and a.channel_id = l.channel_id
  order by l.next_attempt_at, l.id;
end;
$$;
comment on function tally.claim_alert_deliveries(integer, timestamptz) is
  'Leases deliveries that are due, for two minutes, with all that is needed to send them. Nobody else gets a leased one; when its sender does not report back, the next claim does.';
revoke execute on function tally.claim_alert_deliveries(integer, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.claim_alert_deliveries(integer, timestamptz) to service_role;

create function tally.finish_alert_delivery(
  delivery_id uuid, lease uuid, ok boolean, error text default null, at timestamptz default now())
returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_state text;
begin
  update tally.alert_deliveries as d
  set state = s.state,
    ended_at = case when s.state <> 'pending' then finish_alert_delivery.at end,
    next_attempt_at = case
      when s.state = 'pending' then finish_alert_delivery.at + tally.alert_retry_delay(d.attempts)
      else d.next_attempt_at
    end,
    last_error = case when s.state <> 'delivered' then left(finish_alert_delivery.error, 300) end,
    lease = null,
    leased_until = null
  from (
    select e.organization_id, e.id, case
      when finish_alert_delivery.ok then 'delivered'
      when e.attempts >= tally.alert_attempts() then 'dead'
      else 'pending'
    end as state
    from tally.alert_deliveries as e
    where e.id = finish_alert_delivery.delivery_id
  ) as s
  where d.organization_id = s.organization_id and d.id = s.id
    and d.lease = finish_alert_delivery.lease
  returning d.state into v_state;
  return coalesce(v_state, 'lost');
end;
$$;
comment on function tally.finish_alert_delivery(uuid, uuid, boolean, text, timestamptz) is
  'Reports how an attempt ended: delivered, pending (it is tried again after alert_retry_delay()), dead; lost: the lease has ended and somebody else has the delivery.';
revoke execute on function tally.finish_alert_delivery(uuid, uuid, boolean, text, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.finish_alert_delivery(uuid, uuid, boolean, text, timestamptz)
  to service_role;

create function tally.has_due_alerts(at timestamptz default now())
returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select from tally.alert_deliveries as d
    where d.state = 'pending' and d.next_attempt_at <= has_due_alerts.at
      and coalesce(d.leased_until <= has_due_alerts.at, true)
  )
$$;
comment on function tally.has_due_alerts(timestamptz) is
  'Whether there is anything to send: a scheduler asks before it calls the function alerts.';
revoke execute on function tally.has_due_alerts(timestamptz) from public, anon, authenticated;
grant execute on function tally.has_due_alerts(timestamptz) to service_role;
