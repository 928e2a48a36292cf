-- Plans: named sets of quotas that an organization, and each of its users and keys, gets.

create table public.plans (
  id text primary key,
  name text not null,
  created_at timestamptz not null default now(),
  constraint id_is_a_lower_case_word check (id ~ '^[a-z][a-z0-9_-]{0,62}$')
);
comment on table public.plans is
  'The plans on offer. A metric without a row in plan_quotas is unlimited.';

create table public.plan_quotas (
  id bigint generated always as identity primary key,
  plan_id text not null references public.plans (id) on delete cascade,
  applies_to text not null default 'organization',
  metric text not null,
  quota_type text not null default 'monthly',
  quota_limit numeric not null,
  provider text,
  model text,
  tool_name text,
  resource_type text,
  enforcement text not null default 'hard',
  unpriced_policy text not null default 'refuse',
  alert_thresholds numeric[] not null default '{75,90,100}',
  constraint applies_to_is_known check (applies_to in ('organization', 'user', 'api_key')),
  constraint one_limit_per_metric_period_and_scope unique nulls not distinct
    (plan_id, applies_to, metric, quota_type, provider, model, tool_name, resource_type)
);
comment on table public.plan_quotas is
  'The limits of a plan: one quota for the organization, or one for each user or API key, made before their first call is admitted.';

alter table public.plans enable row level security;
alter table public.plan_quotas enable row level security;
revoke all on public.plans, public.plan_quotas from anon, authenticated, service_role;
revoke all on sequence public.plan_quotas_id_seq from anon, authenticated, service_role;
grant select on public.plans, public.plan_quotas to authenticated;
grant select, insert, update, delete on public.plans, public.plan_quotas to service_role;
create policy "the signed-in read the plans on offer" on public.plans for select to authenticated
  using (true);
create policy "the signed-in read the limits of plans" on public.plan_quotas for select
  to authenticated using (true);

insert into public.plans (id, name) values ('free', 'Free'), ('pro', 'Pro'),
  ('enterprise', 'Enterprise');
insert into public.plan_quotas (plan_id, metric, quota_limit, resource_type,
  alert_thresholds) values
  ('free', 'requests', 1000, 'agent_execution', '{80,90,100}'),
  ('free', 'total_tokens', 100000, 'token', '{80,90,100}'),
  ('free', 'units', 1, 'storage', '{80,90,100}'),
  ('free', 'requests', 10000, 'api_call', '{80,90,100}'),
  ('pro', 'requests', 10000, 'agent_execution', '{80,90,100}'),
  ('pro', 'total_tokens', 1000000, 'token', '{80,90,100}'),
  ('pro', 'units', 10, 'storage', '{80,90,100}'),
  ('pro', 'requests', 100000, 'api_call', '{80,90,100}');
