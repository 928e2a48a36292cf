-- How admins make, change, turn off and remove the channels of their organization.

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
    tally.role_in((select auth.uid()), require_admin_of.organization_id) in ('owner', 'admin'),
    false) then
    -- One answer for what is foreign and for what does not exist: ids cannot be probed.
    perform tally.fail('PT403', format('There is no %s that you may change.',
      require_admin_of.thing), null,
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
  select jsonb_build_object('id', c.id, 'kind', c.kind, 'target', c.target, 'kinds', c.kinds,
    'levels', c.levels, 'enabled', c.enabled)
  from public.alert_channels as c
  where c.organization_id = show_channel.organization_id and c.id = show_channel.channel_id
$$;
comment on function tally.show_channel(uuid, uuid) is
  'A channel as set_alert_channel() answers it, without its secret.';
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
  if (select count(*) from public.alert_channels as c
    where c.organization_id = open_channel.organization_id) >= 20 then
    perform tally.fail('PT400', 'An organization has at most 20 alert channels.', null,
      'Remove one first.');
  end if;
  insert into public.alert_channels as c (organization_id, kind, target, created_by)
  values (open_channel.organization_id, open_channel.kind,
    tally.show_address(open_channel.kind, open_channel.target), (select auth.uid()))
  returning c.id into channel_id;
  secret := case when open_channel.kind = 'webhook' then tally.new_webhook_secret() end;
  insert into tally.alert_addresses (organization_id, channel_id, address, secret)
  values (open_channel.organization_id, open_channel.channel_id, open_channel.target,
    open_channel.secret);
  return next;
end;
$$;
comment on function tally.open_channel(uuid, text, text) is
  'Makes a channel; the secret is that of a webhook.';
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
    perform tally.fail('PT400', 'kinds names something unknown, or nothing.', 'kinds',
      'Use threshold, forecast, top_up.');
  elsif not coalesce(set_alert_channel.levels <@ array['warning', 'critical', 'exceeded']
      and cardinality(set_alert_channel.levels) > 0, true) then
    perform tally.fail('PT400', 'levels names something unknown, or nothing.', 'levels',
      'Use warning, critical, exceeded.');
  end if;
  -- Two admins who set channels wait for each other here.
  perform from public.organizations as o where o.id = set_alert_channel.organization_id
    for no key update;
  select c.* into v_channel
  from tally.alert_addresses as a
  join public.alert_channels as c on c.organization_id = a.organization_id and c.id = a.channel_id
  where a.organization_id = set_alert_channel.organization_id
    and a.address = set_alert_channel.target;
  if v_channel.id is null then
    select o.channel_id, o.secret into v_channel.id, v_secret
    from tally.open_channel(set_alert_channel.organization_id, set_alert_channel.kind,
      set_alert_channel.target) as o;
  elsif v_channel.kind <> set_alert_channel.kind then
    perform tally.fail('PT409', format('This target already is a channel of kind %s.',
      v_channel.kind), 'target',
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
  organization_id uuid, kind text, target text, kinds text[] default null,
  levels text[] default null, enabled boolean default null)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.set_alert_channel(set_alert_channel.organization_id, set_alert_channel.kind,
    set_alert_channel.target, set_alert_channel.kinds, set_alert_channel.levels,
    set_alert_channel.enabled)
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
  select c.* into v_channel from public.alert_channels as c
    where c.id = enable_alert_channel.channel_id;
  perform tally.require_admin_of(v_channel.organization_id,
    format('alert channel %s', enable_alert_channel.channel_id));
  update public.alert_channels as c
  set enabled = coalesce(enable_alert_channel.enabled, true), updated_at = now()
  where c.organization_id = v_channel.organization_id and c.id = v_channel.id;
  return tally.show_channel(v_channel.organization_id, v_channel.id);
end;
$$;
comment on function tally.enable_alert_channel(uuid, boolean) is
  'Behind public.enable_alert_channel.';
revoke execute on function tally.enable_alert_channel(uuid, boolean)
  from public, anon, authenticated;
grant execute on function tally.enable_alert_channel(uuid, boolean) to authenticated, service_role;

create function public.enable_alert_channel(channel_id uuid, enabled boolean default true)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.enable_alert_channel(enable_alert_channel.channel_id, enable_alert_channel.enabled)
$$;
comment on function public.enable_alert_channel(uuid, boolean) is
  'Turns a channel on or off (admins), answers as set_alert_channel(). What waits for a channel that is off becomes a dead letter.';
revoke execute on function public.enable_alert_channel(uuid, boolean)
  from public, anon, authenticated;
grant execute on function public.enable_alert_channel(uuid, boolean) to authenticated, service_role;

create function tally.rotate_alert_secret(channel_id uuid, at timestamptz default now())
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_channel public.alert_channels;
  v_address tally.alert_addresses;
begin
  select c.* into v_channel from public.alert_channels as c
    where c.id = rotate_alert_secret.channel_id;
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
  return jsonb_build_object('id', v_channel.id, 'secret', v_address.secret, 'former_until',
    v_address.former_until);
end;
$$;
comment on function tally.rotate_alert_secret(uuid, timestamptz) is
  'Behind public.rotate_alert_secret.';
revoke execute on function tally.rotate_alert_secret(uuid, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.rotate_alert_secret(uuid, timestamptz)
  to authenticated, service_role;

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
  select c.* into v_channel from public.alert_channels as c
    where c.id = remove_alert_channel.channel_id;
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
