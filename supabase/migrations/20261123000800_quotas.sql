-- Quotas: limits of one metric over one scope and one period, and what is used of them at any
-- moment.

create table public.usage_quotas (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  user_id uuid,
  api_key_id uuid,
  provider text,
  model text,
  tool_name text,
  resource_type text,
  metric text not null default 'cost_usd',
  quota_type text not null,
  quota_limit numeric not null,
  current_usage numeric not null default 0,
  opening_usage numeric not null default 0,
  reserved numeric not null default 0,
  period_start timestamptz not null,
  reset_at timestamptz,
  timezone text,
  anchor timestamptz,
  enforcement text not null default 'hard',
  unpriced_policy text not null default 'refuse',
  alert_thresholds numeric[] not null default '{75,90,100}',
  managed_by text not null default 'operator',
  plan_quota_id bigint references public.plan_quotas (id) on delete cascade,
  is_credit boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (organization_id, id),
  constraint usage_is_not_negative check (current_usage >= 0),
  constraint reserved_is_not_negative check (reserved >= 0)
) with (fillfactor = 50);
-- What defines a quota is checked by tally.require_sound_quota, when it changes: as constraints it
-- would be read and evaluated again for every admission.
comment on table public.usage_quotas is
  'Limits. Null in a scope column means any. current_usage and reserved hold what is folded; check_quota and quota_status add what is not, and are exact.';
comment on column public.usage_quotas.opening_usage is
  'What current_usage was given to start with in its first period, beyond recorded events.';
comment on column public.usage_quotas.reset_at is
  'End of the period; null for total. Given on insert, it is the anchor: the period is computed back from it.';
comment on column public.usage_quotas.timezone is 'IANA name; null: the organization''s.';
comment on column public.usage_quotas.plan_quota_id is
  'The limit of the plan that this quota applies.';
comment on column public.usage_quotas.is_credit is
  'The organization''s prepaid account: its limit is all credit ever granted, its usage all that was spent of it.';
comment on column public.usage_quotas.anchor is
  'A moment at which a period starts; null: calendar periods (weeks from Monday).';
create index usage_quotas_by_plan_quota on public.usage_quotas (plan_quota_id)
  where plan_quota_id is not null;
create unique index usage_quotas_once_per_plan_quota
  on public.usage_quotas (organization_id, plan_quota_id, user_id, api_key_id) nulls not distinct
  where plan_quota_id is not null;
create unique index usage_quotas_one_credit_account on public.usage_quotas (organization_id)
  where is_credit;

alter table public.usage_quotas enable row level security;
revoke all on public.usage_quotas from anon, authenticated, service_role;
grant select on public.usage_quotas to authenticated;
grant select, insert, delete, update (quota_limit, enforcement, unpriced_policy, alert_thresholds)
  on public.usage_quotas to service_role;
create policy "members read the quotas of their organizations" on public.usage_quotas
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create function tally.quota_period(quota_type text, timezone text, anchor timestamptz,
  at timestamptz)
returns table (starts_at timestamptz, ends_at timestamptz)
language plpgsql stable security invoker set search_path = ''
as $$
declare
  -- 2001 began on a Monday: without an anchor its first moment gives calendar hours, days, weeks,
  -- months, years.
  v_anchor timestamp := coalesce(quota_period.anchor at time zone quota_period.timezone,
    timestamp '2001-01-01');
  v_local timestamp := quota_period.at at time zone quota_period.timezone;
  v_step interval;
  v_count bigint;
begin
  if not isfinite(quota_period.anchor) then
    perform tally.fail('PT400', 'anchor must be a moment, not infinity.', 'anchor');
  elsif quota_period.quota_type = 'total' then
    return query select timestamptz '-infinity', timestamptz 'infinity';
    return;
  elsif quota_period.quota_type = 'hourly' then
    -- Hours are elapsed time: a clock change neither skips nor repeats one.
    starts_at := v_anchor at time zone quota_period.timezone;
    starts_at := starts_at + floor(extract(epoch from quota_period.at - starts_at) / 3600)
      * interval '1 hour';
    return query select starts_at, starts_at + interval '1 hour';
    return;
  elsif quota_period.quota_type in ('daily', 'weekly') then
    v_step := case quota_period.quota_type when 'daily' then interval '1 day'
      else interval '7 days' end;
    v_count := floor(extract(epoch from v_local - v_anchor) / extract(epoch from v_step));
  else
    v_step := case quota_period.quota_type when 'monthly' then interval '1 month'
      else interval '1 year' end;
    v_count := floor(
      (
        (extract(year from v_local) - extract(year from v_anchor)) * 12
        + extract(month from v_local) - extract(month from v_anchor)
      ) / case quota_period.quota_type when 'monthly' then 1 else 12 end
    );
  end if;
  -- Every boundary is counted from the anchor itself, so the 31st comes back after a short month;
  -- the estimate above may be one off where a month is short or a clock changed.
  v_count := v_count - 1;
  loop
    ends_at := (v_anchor + (v_count + 1) * v_step) at time zone quota_period.timezone;
    exit when ends_at > quota_period.at;
    v_count := v_count + 1;
  end loop;
  starts_at := (v_anchor + v_count * v_step) at time zone quota_period.timezone;
  return next;
end;
$$;
comment on function tally.quota_period(text, text, timestamptz, timestamptz) is
  'The period that holds a moment: its first moment and the first moment after it.';
revoke execute on function tally.quota_period(text, text, timestamptz, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.quota_period(text, text, timestamptz, timestamptz) to service_role;

-- Which quotas an event counts in, and how much. The same conditions stand in tally.recorded_usage
-- and tally.open_quota (for events), tally.reserve_room (for requests) and tally.is_beyond_hold (for
-- what no hold kept).
create function tally.priced_model(price_id bigint, provider text, model text)
returns text
language plpgsql stable security definer set search_path = ''
as $$
begin
  return coalesce(
    (select c.model from public.cost_estimates as c where c.id = priced_model.price_id),
    (select m.to_model from tally.model_aliases as m
      where m.provider = priced_model.provider and m.alias = priced_model.model));
end;
$$;
comment on function tally.priced_model(bigint, text, text) is
  'The model whose card priced an event, or that its id is known to name; null: the id is a name of its own.';
revoke execute on function tally.priced_model(bigint, text, text) from public, anon, authenticated;

create function tally.pending_usage(organization_id uuid, seqs bigint[] default null,
  among uuid[] default null)
returns table (quota_id uuid, created_at timestamptz, amount numeric)
language plpgsql stable rows 100 security definer set search_path = '' set enable_seqscan = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  -- Each event is looked up once, however many quotas there are.
  with entries as materialized (
    select e.*
    from tally.pending_events as e
    where e.organization_id = pending_usage.organization_id
      and (e.seq = any (pending_usage.seqs) or pending_usage.seqs is null)
  )
  select
    q.id,
    e.created_at,
    case q.metric
      when 'cost_usd' then e.cost_usd
      when 'total_tokens' then e.input_tokens + e.output_tokens
      when 'input_tokens' then e.input_tokens
      when 'output_tokens' then e.output_tokens
      when 'requests' then e.requests
      when 'units' then coalesce(e.units, 0)
    end
  from entries as e
  join public.usage_quotas as q
    on q.organization_id = e.organization_id
    and (q.id = any (pending_usage.among) or pending_usage.among is null)
    and (q.user_id is null or q.user_id = e.user_id)
    and (q.api_key_id is null or q.api_key_id = e.api_key_id)
    and (q.provider is null or q.provider = e.provider)
    -- A quota on gpt-4o counts its dated snapshots too.
    and (q.model is null or q.model = e.model or q.model = tally.priced_model(e.price_id,
      e.provider, e.model))
    and (q.tool_name is null or q.tool_name = e.tool_name)
    and (q.resource_type is null or q.resource_type = e.resource_type)
    -- Who brings the key of a provider pays the provider: no credit is spent.
    and not (q.is_credit and e.is_byok);
end;
$$;
comment on function tally.pending_usage(uuid, bigint[], uuid[]) is
  'Unfolded use by quota, an amount for each event: of all deltas or the given ones, in all quotas or the given ones.';
revoke execute on function tally.pending_usage(uuid, bigint[], uuid[])
  from public, anon, authenticated;

create view tally.pending_releases with (security_invoker = true) as
select q.organization_id, q.id as quota_id, d.seq, (d.released ->> q.metric)::numeric as amount
from tally.usage_deltas as d
join public.usage_quotas as q on q.organization_id = d.organization_id
  and q.id = any (d.released_quotas)
where d.released ? q.metric;
comment on view tally.pending_releases is 'Unfolded ends of holds by quota.';

create function tally.recorded_usage(quota public.usage_quotas, starts_at timestamptz,
  ends_at timestamptz)
returns numeric
language plpgsql stable security definer set search_path = ''
as $$
declare
  q public.usage_quotas := recorded_usage.quota;
begin
  return (
    select coalesce(sum(
      case q.metric
        when 'cost_usd' then u.cost_usd
        when 'total_tokens' then u.total_tokens
        when 'input_tokens' then u.input_tokens
        when 'output_tokens' then u.output_tokens
        when 'requests' then 1
        when 'units' then u.units
      end
    ), 0)
    from public.token_usage as u
    where u.organization_id = q.organization_id
      and u.created_at >= recorded_usage.starts_at and u.created_at < recorded_usage.ends_at
      and (q.user_id is null or q.user_id = u.user_id)
      and (q.api_key_id is null or q.api_key_id = u.api_key_id)
      and (q.provider is null or q.provider = u.provider)
      and (q.model is null or q.model = u.model or q.model = tally.priced_model(u.price_id,
        u.provider, u.model))
      and (q.tool_name is null or q.tool_name = u.tool_name)
      and (q.resource_type is null or q.resource_type = u.resource_type)
      and not (q.is_credit and u.is_byok)
  ) + (
    select coalesce(sum(a.delta_usd), 0)
    from public.cost_adjustments as a
    where q.metric = 'cost_usd'
      and a.organization_id = q.organization_id
      and a.event_created_at >= recorded_usage.starts_at
      and a.event_created_at < recorded_usage.ends_at
      and (q.user_id is null or q.user_id = a.user_id)
      and (q.api_key_id is null or q.api_key_id = a.api_key_id)
      and (q.provider is null or q.provider = a.provider)
      and (q.model is null or q.model in (a.model, a.priced_model))
      and (q.tool_name is null or q.tool_name = a.tool_name)
      and (q.resource_type is null or q.resource_type = a.resource_type)
      and not (q.is_credit and exists (
        select from public.token_usage as u
        where u.organization_id = a.organization_id and u.created_at = a.event_created_at
          and u.id = a.event_id and u.is_byok))
  );
end;
$$;
comment on function tally.recorded_usage(public.usage_quotas, timestamptz, timestamptz) is
  'What the events of a span and their adjustments say a quota has used: the truth that current_usage is checked against.';
revoke execute on function tally.recorded_usage(public.usage_quotas, timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.lock_folding(organization_id uuid)
returns void
language plpgsql volatile security invoker set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('fold ' || lock_folding.organization_id, 0));
end;
$$;
comment on function tally.lock_folding(uuid) is
  'Keeps folds of an organization and changes of its quotas apart until the end of the transaction.';
revoke execute on function tally.lock_folding(uuid) from public, anon, authenticated;

create function tally.try_lock_folding(organization_id uuid)
returns boolean
language plpgsql volatile security invoker set search_path = ''
as $$
begin
  return pg_try_advisory_xact_lock(hashtextextended('fold ' || try_lock_folding.organization_id,
    0));
end;
$$;
comment on function tally.try_lock_folding(uuid) is
  'The same without waiting; false when somebody else has the lock.';
revoke execute on function tally.try_lock_folding(uuid) from public, anon, authenticated;

create function tally.quota_words(field text)
returns text[]
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return case quota_words.field
    when 'metric' then
      array['cost_usd', 'total_tokens', 'input_tokens', 'output_tokens', 'requests', 'units']
    when 'quota_type' then array['hourly', 'daily', 'weekly', 'monthly', 'yearly', 'total']
    when 'enforcement' then array['hard', 'soft']
    when 'unpriced_policy' then array['refuse', 'ceiling', 'allow']
  end;
end;
$$;
comment on function tally.quota_words(text) is 'The words that a field of a quota may hold.';
revoke execute on function tally.quota_words(text) from public, anon, authenticated;

create function tally.require_sound_quota()
returns trigger
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_broken text := case
    when new.metric <> all (tally.quota_words('metric')) then 'metric_is_known'
    when new.quota_type <> all (tally.quota_words('quota_type')) then 'quota_type_is_known'
    when not (new.quota_limit >= 0 and new.quota_limit < 'infinity')
      then 'limit_is_a_number_not_negative'
    when new.enforcement <> all (tally.quota_words('enforcement')) then 'enforcement_is_known'
    when new.unpriced_policy <> all (tally.quota_words('unpriced_policy'))
      then 'unpriced_policy_is_known'
    when not (0 < all (new.alert_thresholds) and 'infinity' > all (new.alert_thresholds))
      then 'thresholds_are_positive'
    when new.managed_by not in ('plan', 'operator', 'organization') then 'manager_is_known'
    when (new.quota_type = 'total') <> (new.reset_at is null) then 'total_never_resets'
    when new.reset_at <= new.period_start then 'period_runs_forward'
    -- An unknown name raises here.
    when new.timezone is not null and (timestamptz 'epoch' at time zone new.timezone) is null
      then 'timezone_is_known'
  end;
begin
  if v_broken is not null then
    raise exception 'new row for relation "usage_quotas" violates check constraint "%"', v_broken
      using errcode = 'check_violation', constraint = v_broken, table = 'usage_quotas',
        schema = 'public';
  end if;
  return new;
end;
$$;
comment on function tally.require_sound_quota() is
  'The constraints on what defines a quota, each by its name.';
revoke execute on function tally.require_sound_quota() from public, anon, authenticated;
create trigger require_sound_quota
  before insert or update of metric, quota_type, quota_limit, period_start, reset_at,
    timezone, enforcement, unpriced_policy, alert_thresholds, managed_by
  on public.usage_quotas
  for each row execute function tally.require_sound_quota();

create function tally.open_quota()
returns trigger
language plpgsql volatile security definer set search_path = '' set jit = off
as $$
declare
  v_timezone text;
  v_ends_at timestamptz;
  v_recorded numeric;
  v_pending numeric;
begin
  if not (new.current_usage >= 0 and new.current_usage < 'infinity') then
    perform tally.fail('PT400',
      format('current_usage must be a number from 0, not %s.', new.current_usage), 'current_usage',
      'Leave it out: what is recorded of the period counts by itself.');
  end if;
  select coalesce(new.timezone, o.timezone) into v_timezone
  from public.organizations as o where o.id = new.organization_id;
  -- Deltas consumed before this quota exists would never reach it; from here on none are.
  perform tally.lock_folding(new.organization_id);
  if new.quota_type = 'total' then
    -- An account counts from its opening, to the millisecond as events do; every other total from
    -- the beginning.
    new.period_start := case
      when new.is_credit then date_trunc('milliseconds', now()) else timestamptz '-infinity' end;
    new.reset_at := null;
  elsif new.reset_at > now() then
    new.anchor := coalesce(new.anchor, new.reset_at);
    select least(p.starts_at, now()) into new.period_start
    from tally.quota_period(new.quota_type, v_timezone, new.reset_at,
      new.reset_at - interval '1 microsecond') as p;
  else
    new.anchor := coalesce(new.anchor, new.reset_at);
    select p.starts_at, p.ends_at into new.period_start, new.reset_at
    from tally.quota_period(new.quota_type, v_timezone, new.anchor, now()) as p;
  end if;
  v_ends_at := coalesce(new.reset_at, 'infinity');
  if new.current_usage = 0 and num_nonnulls(new.user_id, new.api_key_id) > 0 and not exists (
    select from tally.usage_actors as a
    where a.organization_id = new.organization_id
      and (new.user_id is null or a.user_id = new.user_id)
      and (new.api_key_id is null or a.api_key_id = new.api_key_id)
  ) then
    -- Somebody new: nothing of theirs is folded, and what is pending counts as such.
    v_recorded := 0;
    v_pending := 0;
  else
    -- Events and what is pending of them in one statement: an event that commits in between would be
    -- counted as pending only.
    select tally.recorded_usage(new, new.period_start, v_ends_at), coalesce(sum(
      case new.metric
        when 'cost_usd' then e.cost_usd
        when 'total_tokens' then e.input_tokens + e.output_tokens
        when 'input_tokens' then e.input_tokens
        when 'output_tokens' then e.output_tokens
        when 'requests' then e.requests
        when 'units' then coalesce(e.units, 0)
      end
    ), 0) into v_recorded, v_pending
    from tally.pending_events as e
    where e.organization_id = new.organization_id
      and e.created_at >= new.period_start and e.created_at < v_ends_at
      and (new.user_id is null or new.user_id = e.user_id)
      and (new.api_key_id is null or new.api_key_id = e.api_key_id)
      and (new.provider is null or new.provider = e.provider)
      and (new.model is null or new.model = e.model or new.model = tally.priced_model(e.price_id,
        e.provider, e.model))
      and (new.tool_name is null or new.tool_name = e.tool_name)
      and (new.resource_type is null or new.resource_type = e.resource_type)
      and not (new.is_credit and e.is_byok);
  end if;
  -- What is pending was within its holds as the quotas stood; none of them kept anything on this
  -- one.
  update tally.usage_deltas as d set is_beyond_hold = true
  where d.organization_id = new.organization_id and not d.is_beyond_hold
    and (d.event_ids is not null or d.adjustment_ids is not null);
  new.opening_usage := greatest(new.current_usage - v_recorded, 0);
  new.current_usage := v_recorded - v_pending + new.opening_usage;
  new.reserved := 0;
  return new;
end;
$$;
comment on function tally.open_quota() is
  'Gives a new quota its period and what its scope has used in it already; a current_usage given on top is kept as opening_usage.';
revoke execute on function tally.open_quota() from public, anon, authenticated;
create trigger open_quota before insert on public.usage_quotas
  for each row execute function tally.open_quota();
