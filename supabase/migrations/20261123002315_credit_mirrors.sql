-- Prepaid credit mirrored to Stripe, for organizations that want it: a grant here becomes a billing
-- credit there, so that the invoice of what was prepaid is nothing.

create table tally.credit_mirrors (
  organization_id uuid not null,
  grant_id uuid not null,
  stripe_grant_id text,
  attempts integer not null default 0,
  next_attempt_at timestamptz not null,
  last_error text,
  primary key (organization_id, grant_id),
  foreign key (organization_id, grant_id)
    references public.credit_grants (organization_id, id) on delete cascade
);
comment on table tally.credit_mirrors is
  'Which credit grant is which one of Stripe; stripe_grant_id is null until it is known.';
alter table tally.credit_mirrors enable row level security;
revoke all on tally.credit_mirrors from anon, authenticated, service_role;

create function tally.mirror_credit(organization_id uuid, enabled boolean)
returns timestamptz
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_from timestamptz;
begin
  perform tally.require_operator('mirror credit');
  update public.billing_customers as c
  set mirrors_credit_from =
      case when mirror_credit.enabled then coalesce(c.mirrors_credit_from, now()) end,
    updated_at = now()
  where c.organization_id = mirror_credit.organization_id
  returning c.mirrors_credit_from into v_from;
  if not found then
    perform tally.fail('PT404',
      format('Organization %s is not billed.', mirror_credit.organization_id), 'organization_id',
      'Call set_billing_customer() first.');
  end if;
  return v_from;
end;
$$;
comment on function tally.mirror_credit(uuid, boolean) is 'Behind public.mirror_credit.';
revoke execute on function tally.mirror_credit(uuid, boolean) from public, anon, authenticated;
grant execute on function tally.mirror_credit(uuid, boolean) to authenticated, service_role;

create function public.mirror_credit(organization_id uuid, enabled boolean default true)
returns timestamptz
language sql volatile security invoker set search_path = ''
as $$
  select tally.mirror_credit(mirror_credit.organization_id, mirror_credit.enabled)
$$;
comment on function public.mirror_credit(uuid, boolean) is
  'Whether credit that is granted from now on is granted in Stripe too (operator); returns since when it is, null: not.';
revoke execute on function public.mirror_credit(uuid, boolean) from public, anon, authenticated;
grant execute on function public.mirror_credit(uuid, boolean) to authenticated, service_role;

create view tally.credit_to_mirror with (security_invoker = true) as
select g.organization_id, g.id as grant_id, c.stripe_customer_id, g.amount, g.category, g.priority,
  g.expires_at
from public.billing_customers as c
join public.credit_grants as g
  on g.organization_id = c.organization_id and g.created_at >= c.mirrors_credit_from
where not exists (
  select from tally.credit_mirrors as m
  where m.organization_id = g.organization_id and m.grant_id = g.id
    and m.stripe_grant_id is not null
);
comment on view tally.credit_to_mirror is 'Credit grants that Stripe has not been told of.';
revoke all on tally.credit_to_mirror from anon, authenticated, service_role;

create function tally.claim_credit_grants(max integer default 20, at timestamptz default now())
returns table (
  organization_id uuid, grant_id uuid, stripe_customer_id text, cents text, category text,
  priority integer, expires_at timestamptz, attempts integer)
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform tally.require_operator('mirror credit');
  insert into tally.credit_mirrors (organization_id, grant_id, next_attempt_at)
  select t.organization_id, t.grant_id, claim_credit_grants.at from tally.credit_to_mirror as t
  order by t.organization_id, t.grant_id
  on conflict do nothing;
  return query
  with due as (
    select m.organization_id, m.grant_id
    from tally.credit_mirrors as m
    where m.stripe_grant_id is null and m.next_attempt_at <= claim_credit_grants.at
    order by m.next_attempt_at
    limit claim_credit_grants.max
    for update of m skip locked
  ),
  taken as (
    update tally.credit_mirrors as m
    -- Five minutes at least: nobody else asks for the same grant meanwhile.
    set attempts = m.attempts + 1,
      next_attempt_at = claim_credit_grants.at + interval '5 minutes'
        + tally.billing_retry_delay('retry', m.attempts + 1)
    from due as d
    where m.organization_id = d.organization_id and m.grant_id = d.grant_id
    returning m.organization_id, m.grant_id, m.attempts
  )
  select t.organization_id, t.grant_id, g.stripe_customer_id, floor(g.amount * 100)::text,
    g.category, g.priority, g.expires_at, t.attempts
  from taken as t
  join tally.credit_to_mirror as g
    on g.organization_id = t.organization_id and g.grant_id = t.grant_id
  where g.amount >= 0.01 and coalesce(g.expires_at > claim_credit_grants.at, true);
end;
$$;
comment on function tally.claim_credit_grants(integer, timestamptz) is
  'Takes on credit grants that Stripe shall have too (operator); amounts are whole cents, rounded down.';
revoke execute on function tally.claim_credit_grants(integer, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.claim_credit_grants(integer, timestamptz) to service_role;

create function tally.finish_credit_grant(
  organization_id uuid, grant_id uuid, stripe_grant_id text, error text)
returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform tally.require_operator('mirror credit');
  update tally.credit_mirrors as m
  set stripe_grant_id = coalesce(m.stripe_grant_id, finish_credit_grant.stripe_grant_id),
    last_error = finish_credit_grant.error
  where m.organization_id = finish_credit_grant.organization_id
    and m.grant_id = finish_credit_grant.grant_id;
end;
$$;
comment on function tally.finish_credit_grant(uuid, uuid, text, text) is
  'Notes which grant of Stripe stands for one of ours (operator), or why there is none yet.';
revoke execute on function tally.finish_credit_grant(uuid, uuid, text, text)
  from public, anon, authenticated;
grant execute on function tally.finish_credit_grant(uuid, uuid, text, text) to service_role;
