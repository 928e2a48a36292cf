-- The design to compare with: one counter per organization, updated and committed before the call and
-- after it, and the event inserted in a transaction of its own.
create schema plain;
create table plain.quotas (
  organization integer not null,
  scope integer not null,
  used numeric not null default 0,
  quota_limit numeric not null,
  primary key (organization, scope)
);
create table plain.events (
  id uuid primary key default gen_random_uuid(),
  organization integer not null,
  provider text not null,
  model text not null,
  input_tokens integer not null,
  output_tokens integer not null,
  cost_usd numeric not null,
  created_at timestamptz not null default now()
);
create index events_by_organization on plain.events (organization, created_at desc);

-- What a call writes in our design, and nothing else: no JSON is read, nothing is checked or priced, no
-- quota is looked for. No way of writing these rows is cheaper than this.
create table plain.bare_quotas (like public.usage_quotas including defaults including indexes including storage);
alter table plain.bare_quotas set (fillfactor = 50);
create table plain.bare_holds (like public.usage_holds including all);
create table plain.bare_events (like public.token_usage including defaults including generated including indexes);
create table plain.bare_deltas (like tally.usage_deltas including all);
