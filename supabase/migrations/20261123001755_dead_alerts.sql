-- Dead letters: what a channel never got, and how it is sent again.

create function tally.dead_deliveries()
returns table (
  organization_id uuid, id uuid, alert_id uuid, channel_id uuid, attempts integer, last_error text,
  ended_at timestamptz)
language sql stable security definer set search_path = ''
as $$
  select d.organization_id, d.id, d.alert_id, d.channel_id, d.attempts, d.last_error, d.ended_at
  from tally.alert_deliveries as d
  where d.state = 'dead'
    and (
      (select tally.is_operator())
      or d.organization_id = any (array(select tally.organizations_of((select auth.uid()))))
    )
$$;
comment on function tally.dead_deliveries() is
  'The dead letters that the caller may see: all as operator, otherwise those of own organizations.';
revoke execute on function tally.dead_deliveries() from public, anon, authenticated;
grant execute on function tally.dead_deliveries() to authenticated, service_role;

create view public.dead_alerts with (security_invoker = true) as
select
  d.organization_id,
  d.id as delivery_id,
  d.alert_id,
  d.channel_id,
  c.kind as channel_kind,
  c.target,
  a.kind,
  a.level,
  a.quota_id,
  a.metric,
  a.quota_type,
  a.threshold,
  d.attempts,
  d.last_error,
  a.created_at,
  d.ended_at
from tally.dead_deliveries() as d
join public.usage_alerts as a on a.organization_id = d.organization_id and a.id = d.alert_id
join public.alert_channels as c on c.organization_id = d.organization_id and c.id = d.channel_id;
comment on view public.dead_alerts is
  'Alerts that a channel never got: eight attempts failed within a day, or the channel was turned off. retry_alert(delivery_id) begins anew.';
revoke all on public.dead_alerts from anon, authenticated, service_role;
grant select on public.dead_alerts to authenticated, service_role;

create function tally.retry_alert(delivery_id uuid, at timestamptz default now())
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_delivery tally.alert_deliveries;
begin
  select d.* into v_delivery from tally.alert_deliveries as d
    where d.id = retry_alert.delivery_id for update;
  perform tally.require_admin_of(v_delivery.organization_id,
    format('delivery %s', retry_alert.delivery_id));
  if v_delivery.state = 'delivered' then
    perform tally.fail('PT409', 'This alert has been delivered.',
      format('at %s', v_delivery.ended_at));
  elsif not (select c.enabled from public.alert_channels as c
      where c.organization_id = v_delivery.organization_id and c.id = v_delivery.channel_id) then
    perform tally.fail('PT409', 'The channel is turned off.',
      format('channel %s', v_delivery.channel_id), 'Turn it on with enable_alert_channel().');
  end if;
  update tally.alert_deliveries as d
  set state = 'pending', attempts = 0, next_attempt_at = retry_alert.at, ended_at = null
  where d.organization_id = v_delivery.organization_id and d.id = v_delivery.id
    and d.state = 'dead';
  return jsonb_build_object('id', v_delivery.id, 'state', 'pending');
end;
$$;
comment on function tally.retry_alert(uuid, timestamptz) is 'Behind public.retry_alert.';
revoke execute on function tally.retry_alert(uuid, timestamptz) from public, anon, authenticated;
grant execute on function tally.retry_alert(uuid, timestamptz) to authenticated, service_role;

create function public.retry_alert(delivery_id uuid)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.retry_alert(retry_alert.delivery_id)
$$;
comment on function public.retry_alert(uuid) is
  'Sends a dead letter again, from the first attempt (admins): {id, state}. One that is still being tried stays as it is.';
revoke execute on function public.retry_alert(uuid) from public, anon, authenticated;
grant execute on function public.retry_alert(uuid) to authenticated, service_role;
