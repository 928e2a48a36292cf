-- Prepaid credit: grants spent in order, through the same admission as every quota. The account of
-- an organization is one quota: its limit is what was granted, its usage what was spent.

create table public.credit_grants (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  amount numeric not null,
  remaining numeric not null,
  expired_amount numeric not null default 0,
  category text not null default 'paid',
  priority integer not null default 50,
  expires_at timestamptz,
  rollover interval,
  rolled_from uuid,
  reference text,
  note text,
  created_at timestamptz not null default now(),
  primary key (organization_id, id),
  constraint amount_is_positive check (amount > 0 and amount < 'infinity'),
  constraint remaining_is_within_amount check (remaining >= 0
    and remaining + expired_amount <= amount),
  constraint category_is_known check (category in ('paid', 'promotional')),
  constraint priority_is_from_0_to_100 check (priority between 0 and 100),
  constraint rollover_needs_an_expiry check (rollover is null or expires_at is not null
    and rollover > interval '0'),
  constraint reference_names_one_grant unique (organization_id, reference)
);
comment on table public.credit_grants is
  'Prepaid credit in USD, spent lowest priority number first, then what expires soonest.';
comment on column public.credit_grants.remaining is
  'What is left as of the last fold; credit_balance() is exact.';
comment on column public.credit_grants.rollover is
  'How much longer the rest may be spent after expires_at, as a grant of its own; null: it is gone.';
comment on column public.credit_grants.reference is
  'The payment or invoice behind it: granting it again changes nothing.';

create table public.credit_top_ups (
  organization_id uuid primary key references public.organizations (id) on delete cascade,
  below numeric not null,
  amount numeric not null,
  constraint mark_is_not_negative check (below >= 0),
  constraint amount_is_positive check (amount > 0)
);
comment on table public.credit_top_ups is
  'When an organization wants more credit bought: a balance below the mark records one alert of kind top_up, armed again by the next grant.';

alter table public.credit_grants enable row level security;
alter table public.credit_top_ups enable row level security;
revoke all on public.credit_grants, public.credit_top_ups from anon, authenticated, service_role;
grant select on public.credit_grants, public.credit_top_ups to authenticated, service_role;
grant insert, update, delete on public.credit_top_ups to service_role;
create policy "members read the credit of their organizations" on public.credit_grants
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));
create policy "members read the top-up mark of their organizations" on public.credit_top_ups
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create view tally.lapsed_credit with (security_invoker = true) as
select g.organization_id, g.id as grant_id, g.expires_at, g.remaining
from public.credit_grants as g
where g.remaining > 0 and g.expires_at is not null;
comment on view tally.lapsed_credit is
  'Grants that end some day; what is left of one whose expires_at has passed can no longer be spent, whether or not a fold has ended it.';

create function tally.draw_credit(organization_id uuid, spent numeric)
returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_owed numeric;
  v_grant public.credit_grants;
begin
  select draw_credit.spent - coalesce(sum(g.amount - g.remaining - g.expired_amount), 0) into v_owed
  from public.credit_grants as g
  where g.organization_id = draw_credit.organization_id;
  for v_grant in
    select g.* from public.credit_grants as g
    where g.organization_id = draw_credit.organization_id and g.remaining > 0
    order by g.priority, g.expires_at nulls last, g.created_at, g.id
  loop
    exit when v_owed <= 0;
    update public.credit_grants as g
    set remaining = v_grant.remaining - least(v_grant.remaining, v_owed)
    where g.organization_id = v_grant.organization_id and g.id = v_grant.id;
    v_owed := v_owed - least(v_grant.remaining, v_owed);
  end loop;
end;
$$;
comment on function tally.draw_credit(uuid, numeric) is
  'Takes what was spent in all, and not taken yet, from the grants in their order.';
revoke execute on function tally.draw_credit(uuid, numeric) from public, anon, authenticated;

create function tally.fold_credit(account public.usage_quotas, at timestamptz)
returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_organization_id uuid := (fold_credit.account).organization_id;
  v_grant public.credit_grants;
begin
  -- A grant that has ended pays for what was used before its end, and for nothing after.
  for v_grant in
    select g.* from public.credit_grants as g
    where g.organization_id = v_organization_id and g.remaining > 0
      and g.expires_at <= fold_credit.at
    order by g.expires_at, g.id
  loop
    perform tally.draw_credit(v_organization_id,
      tally.recorded_usage(fold_credit.account, (fold_credit.account).period_start,
        v_grant.expires_at));
    select g.* into v_grant from public.credit_grants as g
    where g.organization_id = v_organization_id and g.id = v_grant.id;
    continue when v_grant.remaining = 0;
    update public.credit_grants as g
    set remaining = 0, expired_amount = v_grant.remaining
    where g.organization_id = v_organization_id and g.id = v_grant.id;
    if v_grant.rollover is not null then
      insert into public.credit_grants (organization_id, amount, remaining, category, priority,
        expires_at, rolled_from, note)
      values (v_organization_id, v_grant.remaining, v_grant.remaining, v_grant.category,
        v_grant.priority, v_grant.expires_at + v_grant.rollover, v_grant.id, 'Rolled over.');
    end if;
  end loop;
  perform tally.draw_credit(v_organization_id, (fold_credit.account).current_usage);
  update public.usage_quotas as q
  set quota_limit = c.granted
  from (
    select coalesce(sum(g.amount - g.expired_amount), 0) as granted
    from public.credit_grants as g where g.organization_id = v_organization_id
  ) as c
  where q.organization_id = v_organization_id and q.is_credit and q.quota_limit <> c.granted;

  insert into public.usage_alerts (organization_id, quota_id, kind, threshold, level, metric,
    quota_type, quota_limit, current_usage, period_start)
  select q.organization_id, q.id, 'top_up', t.below, 'warning', q.metric, q.quota_type,
    q.quota_limit, trim_scale(q.current_usage), q.period_start
  from public.usage_quotas as q
  join public.credit_top_ups as t on t.organization_id = q.organization_id
  where q.organization_id = v_organization_id and q.is_credit
    and q.quota_limit - q.current_usage < t.below
    -- Credit that ends lowers the balance, and the limit with it: what was asked for stays asked.
    and not exists (
      select from public.usage_alerts as a
      where a.organization_id = q.organization_id and a.quota_id = q.id and a.kind = 'top_up'
        and a.created_at > (
          select max(g.created_at) from public.credit_grants as g
          where g.organization_id = q.organization_id and g.rolled_from is null)
    )
  on conflict on constraint crossing_is_told_once do nothing;
end;
$$;
comment on function tally.fold_credit(public.usage_quotas, timestamptz) is
  'Brings the grants of an account up to date: ends what has expired, rolls it over, draws what was spent, asks for a top-up.';
revoke execute on function tally.fold_credit(public.usage_quotas, timestamptz)
  from public, anon, authenticated;

create function tally.grant_credit(
  organization_id uuid, amount numeric, category text, priority integer, expires_at timestamptz,
  rollover interval, reference text, note text)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_grant public.credit_grants;
begin
  perform tally.require_operator('grant credit');
  perform tally.require_admin(grant_credit.organization_id);
  if grant_credit.amount is null or not (grant_credit.amount > 0
    and grant_credit.amount < 1e12) then
    perform tally.fail('PT400', 'amount must be a number of USD above zero.', 'amount');
  elsif grant_credit.expires_at <= now() then
    perform tally.fail('PT400', 'expires_at is in the past.', 'expires_at',
      'Leave it out for credit that stays.');
  elsif coalesce(grant_credit.category not in ('paid', 'promotional'), true) then
    perform tally.fail('PT400', 'category must be paid or promotional.', 'category');
  elsif coalesce(grant_credit.priority not between 0 and 100, true) then
    perform tally.fail('PT400', 'priority must be from 0, spent first, to 100.', 'priority');
  elsif grant_credit.rollover <= interval '0' then
    perform tally.fail('PT400', 'rollover must be a time above zero.', 'rollover');
  elsif grant_credit.rollover is not null and grant_credit.expires_at is null then
    perform tally.fail('PT400', 'rollover needs expires_at.', 'rollover',
      'It says how much longer what is left then may be spent.');
  end if;
  perform tally.lock_folding(grant_credit.organization_id);
  select g.* into v_grant from public.credit_grants as g
  where g.organization_id = grant_credit.organization_id and g.reference = grant_credit.reference;
  if v_grant.id is null then
    insert into public.credit_grants as g (organization_id, amount, remaining, category, priority,
      expires_at, rollover, reference, note)
    values (grant_credit.organization_id, grant_credit.amount, grant_credit.amount,
      grant_credit.category, grant_credit.priority, grant_credit.expires_at, grant_credit.rollover,
      grant_credit.reference, grant_credit.note)
    returning g.* into v_grant;
    insert into public.usage_quotas (organization_id, quota_type, quota_limit, is_credit)
    select grant_credit.organization_id, 'total', 0, true
    where not exists (
      select from public.usage_quotas as q
      where q.organization_id = grant_credit.organization_id and q.is_credit
    );
    perform tally.fold(grant_credit.organization_id);
  elsif v_grant.amount <> grant_credit.amount then
    perform tally.fail('PT409', 'This reference already names a grant of another amount.',
      format('grant %s of %s', v_grant.id, v_grant.amount), 'Give a new grant a new reference.');
  end if;
  return jsonb_build_object('id', v_grant.id, 'amount', v_grant.amount,
    'balance', (select b.balance from tally.credit_balance(grant_credit.organization_id) as b));
end;
$$;
comment on function tally.grant_credit(uuid, numeric, text, integer, timestamptz, interval,
  text, text) is
  'Behind public.grant_credit.';
revoke execute on function tally.grant_credit(uuid, numeric, text, integer, timestamptz,
  interval, text, text)
  from public, anon, authenticated;
grant execute on function tally.grant_credit(uuid, numeric, text, integer, timestamptz,
  interval, text, text)
  to authenticated, service_role;

create function public.grant_credit(
  organization_id uuid, amount numeric, category text default 'paid', priority integer default 50,
  expires_at timestamptz default null, rollover interval default null, reference text default null,
  note text default null)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.grant_credit(grant_credit.organization_id, grant_credit.amount,
    grant_credit.category, grant_credit.priority, grant_credit.expires_at, grant_credit.rollover,
    grant_credit.reference, grant_credit.note)
$$;
comment on function public.grant_credit(uuid, numeric, text, integer, timestamptz, interval,
  text, text) is
  'Grants prepaid credit in USD (operator): {id, amount, balance}. From the first grant on, every call of the organization must fit into its credit. priority 0 is spent first; a reference makes it idempotent.';
revoke execute on function public.grant_credit(uuid, numeric, text, integer, timestamptz,
  interval, text, text)
  from public, anon, authenticated;
grant execute on function public.grant_credit(uuid, numeric, text, integer, timestamptz,
  interval, text, text)
  to authenticated, service_role;

create function tally.credit_balance(organization_id uuid)
returns table (granted numeric, spent numeric, reserved numeric, balance numeric)
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform tally.require_member(credit_balance.organization_id);
  return query
  select trim_scale((s.quota).quota_limit), trim_scale(s.used), trim_scale(s.held),
    trim_scale((s.quota).quota_limit - s.used - s.held)
  from tally.quota_states(credit_balance.organization_id, now()) as s
  where (s.quota).is_credit;
end;
$$;
comment on function tally.credit_balance(uuid) is 'Behind public.credit_balance.';
revoke execute on function tally.credit_balance(uuid) from public, anon, authenticated;
grant execute on function tally.credit_balance(uuid) to authenticated, service_role;

create function public.credit_balance(organization_id uuid)
returns table (granted numeric, spent numeric, reserved numeric, balance numeric)
language sql stable security invoker set search_path = ''
as $$
  select b.* from tally.credit_balance(credit_balance.organization_id) as b
$$;
comment on function public.credit_balance(uuid) is
  'Prepaid credit in USD, exact: granted, spent, reserved by open holds (lapsed credit with it), and what may still be spent; negative when a call went beyond its hold. No row: the organization does not prepay.';
revoke execute on function public.credit_balance(uuid) from public, anon, authenticated;
grant execute on function public.credit_balance(uuid) to authenticated, service_role;
