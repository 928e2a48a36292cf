-- The outbox of alerts. A row of it is made in the transaction that records the alert.

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
  foreign key (organization_id, alert_id) references public.usage_alerts (organization_id, id)
    on delete cascade,
  foreign key (organization_id, channel_id) references public.alert_channels (organization_id, id)
    on delete cascade,
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
create index alert_deliveries_due on tally.alert_deliveries (next_attempt_at)
  where state = 'pending';

alter table tally.alert_deliveries enable row level security;

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
  -- A channel that is being removed is waited for, and left out: the alert's transaction must not
  -- fail.
  for key share;
  return null;
end;
$$;
comment on function tally.queue_alert() is
  'Puts an alert into the outbox once for each channel that wants it, in the transaction that records the alert.';
revoke execute on function tally.queue_alert() from public, anon, authenticated;

create trigger queue_alert after insert on public.usage_alerts
  for each row execute function tally.queue_alert();
