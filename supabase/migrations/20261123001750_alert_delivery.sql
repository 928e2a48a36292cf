-- Delivery of alerts: where each organization wants them, and the outbox from which the function
-- `alerts` sends them. A row of the outbox is made in the transaction that records the alert.

create table public.alert_channels (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  kind text not null,
  target text not null,
  kinds text[] not null default '{threshold,forecast,top_up}',
  levels text[] not null default '{warning,critical,exceeded}',
  enabled boolean not null default true,
  created_by uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (organization_id, id),
  constraint channel_kind_is_known check (kind in ('webhook', 'slack', 'email')),
  constraint alert_kinds_are_known check (
    kinds <@ array['threshold', 'forecast', 'top_up'] and cardinality(kinds) > 0
  ),
  constraint alert_levels_are_known check (
    levels <@ array['warning', 'critical', 'exceeded'] and cardinality(levels) > 0
  )
);
comment on table public.alert_channels is
  'Where an organization wants its alerts: webhooks, Slack, e-mail; each channel gets the kinds and levels that it names.';
comment on column public.alert_channels.target is
  'The e-mail address, or the host of the URL and its last characters: a whole URL may be a key by itself and stays private.';
create index alert_channels_by_id on public.alert_channels (id);

create table tally.alert_addresses (
  organization_id uuid not null,
  channel_id uuid not null,
  address text not null,
  secret text,
  former_secret text,
  former_until timestamptz,
  primary key (organization_id, channel_id),
  foreign key (organization_id, channel_id) references public.alert_channels (organization_id, id) on delete cascade,
  constraint address_has_one_channel unique (organization_id, address),
  constraint former_secret_has_an_end check ((former_secret is null) = (former_until is null))
);
comment on table tally.alert_addresses is
  'What only the sender may know of a channel: the whole address, and the secret that signs its messages.';

create table tally.alert_deliveries (
  organization_id uuid not null,
  id uuid not null default gen_random_uuid(),
  alert_id uuid not null,
  channel_id uuid not null,
  state text not null default 'pending',
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  lease uuid,
  leased_until timestamptz,
  last_error text,
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  primary key (organization_id, id),
  foreign key (organization_id, alert_id) references public.usage_alerts (organization_id, id) on delete cascade,
  foreign key (organization_id, channel_id) references public.alert_channels (organization_id, id) on delete cascade,
  constraint alert_goes_to_a_channel_once unique (organization_id, alert_id, channel_id),
  constraint state_is_known check (state in ('pending', 'delivered', 'dead')),
  constraint pending_has_not_ended check ((state = 'pending') = (ended_at is null)),
  constraint lease_has_an_end check ((lease is null) = (leased_until is null)),
  constraint only_pending_is_leased check (state = 'pending' or lease is null),
  constraint attempts_are_not_negative check (attempts >= 0)
);
comment on table tally.alert_deliveries is
  'The outbox: one row per alert and channel. Its id is the id of the message, the same in every attempt.';
create index alert_deliveries_by_id on tally.alert_deliveries (id);
create index alert_deliveries_by_channel on tally.alert_deliveries (organization_id, channel_id);
create index alert_deliveries_due on tally.alert_deliveries (next_attempt_at) where state = 'pending';

alter table public.alert_channels enable row level security;
alter table tally.alert_addresses enable row level security;
alter table tally.alert_deliveries enable row level security;
revoke all on public.alert_channels from anon, authenticated, service_role;
grant select on public.alert_channels to authenticated, service_role;
create policy "members read the alert channels of their organizations" on public.alert_channels
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create function tally.queue_alert()
returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into tally.alert_deliveries (organization_id, alert_id, channel_id)
  select new.organization_id, new.id, c.id
  from public.alert_channels as c
  where c.organization_id = new.organization_id
    and c.enabled
    and new.kind = any (c.kinds)
    and new.level = any (c.levels)
  -- A channel that is being removed is waited for, and left out: the alert's transaction must not fail.
  for key share;
  return null;
end;
$$;
comment on function tally.queue_alert() is
  'Puts an alert into the outbox once for each channel that wants it, in the transaction that records the alert.';
revoke execute on function tally.queue_alert() from public, anon, authenticated;

create trigger queue_alert after insert on public.usage_alerts
  for each row execute function tally.queue_alert();

create function tally.find_address_problem(kind text, address text)
returns text
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_parts text[];
  v_host text;
begin
  if find_address_problem.address ~ '[^\x21-\x7e]' or length(find_address_problem.address) not between 1 and 2048 then
    return 'must have 1 to 2,048 characters: letters, digits and signs of ASCII, no spaces';
  elsif find_address_problem.kind = 'email' then
    return case
      when length(find_address_problem.address) > 254
        or find_address_problem.address !~* '^[a-z0-9.!#$%&''*+/=?^_`{|}~-]{1,64}@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])$'
      then 'is not an e-mail address'
    end;
  end if;
  v_parts := regexp_match(find_address_problem.address, '^(https?)://([^/?#\\@:\[\]]+|\[::1\])(:[0-9]{1,5})?([/?][^#\\]*)?$', 'i');
  v_host := lower(v_parts[2]);
  return case
    when v_host is null then 'is not a URL like https://host/path, without user name and fragment'
    when v_host in ('localhost', '127.0.0.1', '[::1]') then null
    when lower(v_parts[1]) = 'http' then 'must begin with https://; http:// is for this machine only'
    -- Other spellings of addresses (2130706433, 0x7f.1) end in a label that begins with a digit.
    when v_host !~ '^([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)+[a-z][a-z0-9-]*[a-z0-9]$'
      then 'must name a host by its full domain name'
    when v_host ~ '\.(localhost|local|internal|intranet|lan|home|arpa|onion)$' then 'is inside a private network'
  end;
end;
$$;
comment on function tally.find_address_problem(text, text) is
  'Why alerts cannot be sent to an address, as the rest of a sentence; null when they can. What its host resolves to is checked when a message is sent.';
revoke execute on function tally.find_address_problem(text, text) from public, anon, authenticated;

create function tally.show_address(kind text, address text)
returns text
language sql immutable security invoker set search_path = ''
as $$
  select case
    when show_address.kind = 'email' then show_address.address
    when length(u.path) > 12 then u.origin || '/…' || right(u.path, 4)
    when u.path <> '' then u.origin || '/…'
    else u.origin
  end
  from (
    select substring(show_address.address from '^[^:]+://[^/?]+') as origin,
      coalesce(substring(show_address.address from '^[^:]+://[^/?]+[/?](.*)$'), '') as path
  ) as u
$$;
comment on function tally.show_address(text, text) is
  'What members see of an address: of a URL its host and, when its path is long, the last four characters.';
revoke execute on function tally.show_address(text, text) from public, anon, authenticated;

create function tally.new_webhook_secret()
returns text
language sql volatile security invoker set search_path = ''
as $$
  -- Two v4 uuids hold 244 random bits; hashing spreads them evenly over 32 bytes.
  select 'whsec_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64')
$$;
comment on function tally.new_webhook_secret() is 'A secret that signs webhooks, as the Standard Webhooks libraries take it.';
revoke execute on function tally.new_webhook_secret() from public, anon, authenticated;

create function tally.require_admin_of(organization_id uuid, thing text)
returns void
language plpgsql stable security definer set search_path = ''
as $$
begin
  if tally.is_operator() then
    if require_admin_of.organization_id is null then
      perform tally.fail('PT404', format('There is no %s.', require_admin_of.thing));
    end if;
  elsif not coalesce(
    tally.role_in((select auth.uid()), require_admin_of.organization_id) in ('owner', 'admin'), false) then
    -- One answer for what is foreign and for what does not exist: ids cannot be probed.
    perform tally.fail('PT403', format('There is no %s that you may change.', require_admin_of.thing), null,
      'Ask an owner or admin of its organization.');
  end if;
end;
$$;
comment on function tally.require_admin_of(uuid, text) is
  'Raises unless the caller may change a thing of this organization (null: it was not found): PT404 to the operator, PT403 to anybody else.';
revoke execute on function tally.require_admin_of(uuid, text) from public, anon, authenticated;

create function tally.show_channel(organization_id uuid, channel_id uuid)
returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('id', c.id, 'kind', c.kind, 'target', c.target, 'kinds', c.kinds, 'levels', c.levels,
    'enabled', c.enabled)
  from public.alert_channels as c
  where c.organization_id = show_channel.organization_id and c.id = show_channel.channel_id
$$;
comment on function tally.show_channel(uuid, uuid) is 'A channel as set_alert_channel() answers it, without its secret.';
revoke execute on function tally.show_channel(uuid, uuid) from public, anon, authenticated;

create function tally.open_channel(organization_id uuid, kind text, target text)
returns table (channel_id uuid, secret text)
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_problem text := tally.find_address_problem(open_channel.kind, open_channel.target);
begin
  if v_problem is not null or open_channel.target is null then
    perform tally.fail('PT400', format('target %s.', coalesce(v_problem, 'is missing')), 'target',
      'Give the URL of the receiver, or an e-mail address.');
  end if;
  if (select count(*) from public.alert_channels as c where c.organization_id = open_channel.organization_id) >= 20 then
    perform tally.fail('PT400', 'An organization has at most 20 alert channels.', null, 'Remove one first.');
  end if;
  insert into public.alert_channels as c (organization_id, kind, target, created_by)
  values (open_channel.organization_id, open_channel.kind,
    tally.show_address(open_channel.kind, open_channel.target), (select auth.uid()))
  returning c.id into channel_id;
  secret := case when open_channel.kind = 'webhook' then tally.new_webhook_secret() end;
  insert into tally.alert_addresses (organization_id, channel_id, address, secret)
  values (open_channel.organization_id, open_channel.channel_id, open_channel.target, open_channel.secret);
  return next;
end;
$$;
comment on function tally.open_channel(uuid, text, text) is 'Makes a channel; the secret is that of a webhook.';
revoke execute on function tally.open_channel(uuid, text, text) from public, anon, authenticated;

create function tally.set_alert_channel(
  organization_id uuid, kind text, target text, kinds text[], levels text[], enabled boolean)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_channel public.alert_channels;
  v_secret text;
begin
  perform tally.require_admin(set_alert_channel.organization_id);
  if coalesce(set_alert_channel.kind not in ('webhook', 'slack', 'email'), true) then
    perform tally.fail('PT400', 'kind must be webhook, slack or email.', 'kind');
  elsif not coalesce(set_alert_channel.kinds <@ array['threshold', 'forecast', 'top_up']
      and cardinality(set_alert_channel.kinds) > 0, true) then
    perform tally.fail('PT400', 'kinds names something unknown, or nothing.', 'kinds', 'Use threshold, forecast, top_up.');
  elsif not coalesce(set_alert_channel.levels <@ array['warning', 'critical', 'exceeded']
      and cardinality(set_alert_channel.levels) > 0, true) then
    perform tally.fail('PT400', 'levels names something unknown, or nothing.', 'levels', 'Use warning, critical, exceeded.');
  end if;
  -- Two admins who set channels wait for each other here.
  perform from public.organizations as o where o.id = set_alert_channel.organization_id for no key update;
  select c.* into v_channel
  from tally.alert_addresses as a
  join public.alert_channels as c on c.organization_id = a.organization_id and c.id = a.channel_id
  where a.organization_id = set_alert_channel.organization_id and a.address = set_alert_channel.target;
  if v_channel.id is null then
    select o.channel_id, o.secret into v_channel.id, v_secret
    from tally.open_channel(set_alert_channel.organization_id, set_alert_channel.kind, set_alert_channel.target) as o;
  elsif v_channel.kind <> set_alert_channel.kind then
    perform tally.fail('PT409', format('This target already is a channel of kind %s.', v_channel.kind), 'target',
      'Remove that channel first.');
  end if;
  update public.alert_channels as c
  set kinds = coalesce(set_alert_channel.kinds, c.kinds),
    levels = coalesce(set_alert_channel.levels, c.levels),
    enabled = coalesce(set_alert_channel.enabled, c.enabled),
    updated_at = now()
  where c.organization_id = set_alert_channel.organization_id and c.id = v_channel.id;
  return tally.show_channel(set_alert_channel.organization_id, v_channel.id)
    || jsonb_strip_nulls(jsonb_build_object('secret', v_secret));
end;
$$;
comment on function tally.set_alert_channel(uuid, text, text, text[], text[], boolean) is
  'Behind public.set_alert_channel.';
revoke execute on function tally.set_alert_channel(uuid, text, text, text[], text[], boolean)
  from public, anon, authenticated;
grant execute on function tally.set_alert_channel(uuid, text, text, text[], text[], boolean)
  to authenticated, service_role;

create function public.set_alert_channel(
  organization_id uuid, kind text, target text, kinds text[] default null, levels text[] default null,
  enabled boolean default null)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.set_alert_channel(set_alert_channel.organization_id, set_alert_channel.kind, set_alert_channel.target,
    set_alert_channel.kinds, set_alert_channel.levels, set_alert_channel.enabled)
$$;
comment on function public.set_alert_channel(uuid, text, text, text[], text[], boolean) is
  'Makes the channel of a target, or changes what is given of it (admins): {id, kind, target, kinds, levels, enabled}; a new webhook has its secret beside it, shown only here. kinds and levels begin with all.';
revoke execute on function public.set_alert_channel(uuid, text, text, text[], text[], boolean)
  from public, anon, authenticated;
grant execute on function public.set_alert_channel(uuid, text, text, text[], text[], boolean)
  to authenticated, service_role;

create function tally.enable_alert_channel(channel_id uuid, enabled boolean)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_channel public.alert_channels;
begin
  select c.* into v_channel from public.alert_channels as c where c.id = enable_alert_channel.channel_id;
  perform tally.require_admin_of(v_channel.organization_id,
    format('alert channel %s', enable_alert_channel.channel_id));
  update public.alert_channels as c
  set enabled = coalesce(enable_alert_channel.enabled, true), updated_at = now()
  where c.organization_id = v_channel.organization_id and c.id = v_channel.id;
  return tally.show_channel(v_channel.organization_id, v_channel.id);
end;
$$;
comment on function tally.enable_alert_channel(uuid, boolean) is 'Behind public.enable_alert_channel.';
revoke execute on function tally.enable_alert_channel(uuid, boolean) from public, anon, authenticated;
grant execute on function tally.enable_alert_channel(uuid, boolean) to authenticated, service_role;

create function public.enable_alert_channel(channel_id uuid, enabled boolean default true)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.enable_alert_channel(enable_alert_channel.channel_id, enable_alert_channel.enabled)
$$;
comment on function public.enable_alert_channel(uuid, boolean) is
  'Turns a channel on or off (admins), answers as set_alert_channel(). What waits for a channel that is off becomes a dead letter.';
revoke execute on function public.enable_alert_channel(uuid, boolean) from public, anon, authenticated;
grant execute on function public.enable_alert_channel(uuid, boolean) to authenticated, service_role;

create function tally.rotate_alert_secret(channel_id uuid, at timestamptz default now())
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_channel public.alert_channels;
  v_address tally.alert_addresses;
begin
  select c.* into v_channel from public.alert_channels as c where c.id = rotate_alert_secret.channel_id;
  perform tally.require_admin_of(v_channel.organization_id,
    format('alert channel %s', rotate_alert_secret.channel_id));
  if v_channel.kind <> 'webhook' then
    perform tally.fail('PT400', 'Only webhooks are signed.', format('kind %s', v_channel.kind));
  end if;
  update tally.alert_addresses as a
  set secret = tally.new_webhook_secret(),
    former_secret = a.secret,
    former_until = rotate_alert_secret.at + interval '24 hours'
  where a.organization_id = v_channel.organization_id and a.channel_id = v_channel.id
  returning a.* into v_address;
  return jsonb_build_object('id', v_channel.id, 'secret', v_address.secret, 'former_until', v_address.former_until);
end;
$$;
comment on function tally.rotate_alert_secret(uuid, timestamptz) is 'Behind public.rotate_alert_secret.';
revoke execute on function tally.rotate_alert_secret(uuid, timestamptz) from public, anon, authenticated;
grant execute on function tally.rotate_alert_secret(uuid, timestamptz) to authenticated, service_role;

create function public.rotate_alert_secret(channel_id uuid)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.rotate_alert_secret(rotate_alert_secret.channel_id)
$$;
comment on function public.rotate_alert_secret(uuid) is
  'Gives a webhook a new secret (admins): {id, secret, former_until}, shown only here. Until former_until messages are signed with the former one too.';
revoke execute on function public.rotate_alert_secret(uuid) from public, anon, authenticated;
grant execute on function public.rotate_alert_secret(uuid) to authenticated, service_role;

create function tally.remove_alert_channel(channel_id uuid)
returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_channel public.alert_channels;
begin
  select c.* into v_channel from public.alert_channels as c where c.id = remove_alert_channel.channel_id;
  perform tally.require_admin_of(v_channel.organization_id,
    format('alert channel %s', remove_alert_channel.channel_id));
  delete from public.alert_channels as c
  where c.organization_id = v_channel.organization_id and c.id = v_channel.id;
  return v_channel.id;
end;
$$;
comment on function tally.remove_alert_channel(uuid) is 'Behind public.remove_alert_channel.';
revoke execute on function tally.remove_alert_channel(uuid) from public, anon, authenticated;
grant execute on function tally.remove_alert_channel(uuid) to authenticated, service_role;

create function public.remove_alert_channel(channel_id uuid)
returns uuid
language sql volatile security invoker set search_path = ''
as $$
  select tally.remove_alert_channel(remove_alert_channel.channel_id)
$$;
comment on function public.remove_alert_channel(uuid) is
  'Removes a channel with all that waits for it, and returns its id (admins). The alerts themselves stay in usage_alerts.';
revoke execute on function public.remove_alert_channel(uuid) from public, anon, authenticated;
grant execute on function public.remove_alert_channel(uuid) to authenticated, service_role;

create function tally.alert_attempts()
returns integer
language sql immutable security invoker set search_path = ''
as $$
  select 8
$$;
comment on function tally.alert_attempts() is 'How often a delivery is tried before it becomes a dead letter.';
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
revoke execute on function tally.alert_retry_delay(integer, double precision) from public, anon, authenticated;

create function tally.alert_data(organization_id uuid, alert_id uuid)
returns jsonb
language sql stable security definer set search_path = ''
as $$
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
    'percent_used', case when a.quota_limit > 0 then floor(100 * a.current_usage / a.quota_limit) end,
    'period_start', a.period_start,
    'reset_at', a.reset_at,
    'expected_at', a.expected_at,
    'created_at', a.created_at,
    'timezone', coalesce(q.timezone, o.timezone),
    'enforcement', q.enforcement,
    'is_credit', coalesce(q.is_credit, a.kind = 'top_up'),
    'scope', jsonb_strip_nulls(jsonb_build_object('user_id', q.user_id, 'api_key_id', q.api_key_id,
      'api_key_name', k.name, 'provider', q.provider, 'model', q.model, 'tool_name', q.tool_name,
      'resource_type', q.resource_type))
  )
  from public.usage_alerts as a
  join public.organizations as o on o.id = a.organization_id
  left join public.usage_quotas as q on q.organization_id = a.organization_id and q.id = a.quota_id
  left join public.api_keys as k on k.organization_id = q.organization_id and k.id = q.api_key_id
  where a.organization_id = alert_data.organization_id and a.id = alert_data.alert_id
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
    last_error = case when l.enabled then 'The sender ended before it knew the outcome.' else 'The channel is turned off.' end
  from lost as l
  where d.organization_id = l.organization_id and d.id = l.id
$$;
comment on function tally.bury_alerts(timestamptz) is
  'Makes dead letters of what cannot be sent: the channel is off, or the last attempt never reported back.';
revoke execute on function tally.bury_alerts(timestamptz) from public, anon, authenticated;

create function tally.claim_alert_deliveries(max integer, at timestamptz default now())
returns table (
  id uuid, lease uuid, organization_id uuid, channel_kind text, address text, secrets text, attempt integer, data text)
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform tally.bury_alerts(claim_alert_deliveries.at);
  return query
  with ranked as (
    select d.organization_id, d.id, d.next_attempt_at,
      row_number() over (partition by d.organization_id, d.channel_id order by d.next_attempt_at, d.id) as place
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
    concat_ws(' ', a.secret, case when a.former_until > claim_alert_deliveries.at then a.former_secret end),
    l.attempts, tally.alert_data(l.organization_id, l.alert_id)::text
  from leased as l
  join public.alert_channels as c on c.organization_id = l.organization_id and c.id = l.channel_id
  join tally.alert_addresses as a on a.organization_id = l.organization_id and a.channel_id = l.channel_id
  order by l.next_attempt_at, l.id;
end;
$$;
comment on function tally.claim_alert_deliveries(integer, timestamptz) is
  'Leases deliveries that are due, for two minutes, with all that is needed to send them. Nobody else gets a leased one; when its sender does not report back, the next claim does.';
revoke execute on function tally.claim_alert_deliveries(integer, timestamptz) from public, anon, authenticated;
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
  where d.organization_id = s.organization_id and d.id = s.id and d.lease = finish_alert_delivery.lease
  returning d.state into v_state;
  return coalesce(v_state, 'lost');
end;
$$;
comment on function tally.finish_alert_delivery(uuid, uuid, boolean, text, timestamptz) is
  'Reports how an attempt ended: delivered, pending (it is tried again after alert_retry_delay()), dead; lost: the lease has ended and somebody else has the delivery.';
revoke execute on function tally.finish_alert_delivery(uuid, uuid, boolean, text, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.finish_alert_delivery(uuid, uuid, boolean, text, timestamptz) to service_role;

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
comment on function tally.dead_deliveries() is 'The dead letters that the caller may see: all as operator, otherwise those of own organizations.';
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
  select d.* into v_delivery from tally.alert_deliveries as d where d.id = retry_alert.delivery_id for update;
  perform tally.require_admin_of(v_delivery.organization_id, format('delivery %s', retry_alert.delivery_id));
  if v_delivery.state = 'delivered' then
    perform tally.fail('PT409', 'This alert has been delivered.', format('at %s', v_delivery.ended_at));
  elsif not (select c.enabled from public.alert_channels as c
      where c.organization_id = v_delivery.organization_id and c.id = v_delivery.channel_id) then
    perform tally.fail('PT409', 'The channel is turned off.', format('channel %s', v_delivery.channel_id),
      'Turn it on with enable_alert_channel().');
  end if;
  update tally.alert_deliveries as d
  set state = 'pending', attempts = 0, next_attempt_at = retry_alert.at, ended_at = null
  where d.organization_id = v_delivery.organization_id and d.id = v_delivery.id and d.state = 'dead';
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
