-- Where each organization wants its alerts. What only the sender may know of a channel, the whole
-- address and the secret that signs its messages, is in a table of its own.

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
  foreign key (organization_id, channel_id) references public.alert_channels (organization_id, id)
    on delete cascade,
  constraint address_has_one_channel unique (organization_id, address),
  constraint former_secret_has_an_end check ((former_secret is null) = (former_until is null))
);
comment on table tally.alert_addresses is
  'What only the sender may know of a channel: the whole address, and the secret that signs its messages.';

alter table public.alert_channels enable row level security;
alter table tally.alert_addresses enable row level security;
revoke all on public.alert_channels from anon, authenticated, service_role;
grant select on public.alert_channels to authenticated, service_role;
create policy "members read the alert channels of their organizations" on public.alert_channels
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));
