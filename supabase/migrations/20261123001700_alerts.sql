-- Alerts: each crossing of a threshold, recorded once.

create table public.usage_alerts (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  quota_id uuid not null,
  kind text not null,
  threshold numeric not null,
  level text not null,
  metric text not null,
  quota_type text not null,
  quota_limit numeric not null,
  current_usage numeric not null,
  period_start timestamptz not null,
  reset_at timestamptz,
  expected_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (organization_id, id),
  constraint crossing_is_told_once unique (organization_id, quota_id, period_start, threshold,
    quota_limit, kind),
  constraint kind_is_known check (kind in ('threshold', 'forecast', 'top_up')),
  constraint level_is_known check (level in ('warning', 'critical', 'exceeded')),
  constraint forecast_names_its_day check ((kind = 'forecast') = (expected_at is not null))
);
comment on table public.usage_alerts is
  'History of alerts: threshold, use has reached a percentage of the limit; forecast, at this pace the limit is reached at expected_at; top_up, prepaid credit has fallen below its mark.';
comment on column public.usage_alerts.threshold is
  'Percent of the limit that was used; of a top_up, the mark in USD.';
create index usage_alerts_by_time on public.usage_alerts (organization_id, created_at);

alter table public.usage_alerts enable row level security;
revoke all on public.usage_alerts from anon, authenticated, service_role;
grant select on public.usage_alerts to authenticated, service_role;
create policy "members read the alerts of their organizations" on public.usage_alerts
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create function tally.alert_level(threshold numeric, thresholds numeric[])
returns text
language sql immutable security invoker set search_path = ''
as $$
  select case
    when alert_level.threshold >= 100 then 'exceeded'
    when alert_level.threshold >= (select max(t) from unnest(alert_level.thresholds) as t
      where t < 100)
      and alert_level.threshold > (select min(t) from unnest(alert_level.thresholds) as t)
        then 'critical'
    else 'warning'
  end
$$;
comment on function tally.alert_level(numeric, numeric[]) is
  'What a threshold means among those of its quota: from 100 exceeded, the highest below critical, the others warning.';
revoke execute on function tally.alert_level(numeric, numeric[]) from public, anon, authenticated;

create function tally.note_crossings(
  quota public.usage_quotas, used numeric, starts_at timestamptz, ends_at timestamptz)
returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into public.usage_alerts (organization_id, quota_id, kind, threshold, level, metric,
    quota_type, quota_limit, current_usage, period_start, reset_at)
  select (note_crossings.quota).organization_id, (note_crossings.quota).id, 'threshold', t,
    tally.alert_level(t, (note_crossings.quota).alert_thresholds), (note_crossings.quota).metric,
    (note_crossings.quota).quota_type, (note_crossings.quota).quota_limit,
    trim_scale(note_crossings.used), note_crossings.starts_at,
    nullif(note_crossings.ends_at, 'infinity')
  from unnest((note_crossings.quota).alert_thresholds) as t
  where note_crossings.used >= (note_crossings.quota).quota_limit * t / 100
    and note_crossings.used > 0
  on conflict on constraint crossing_is_told_once do nothing;
end;
$$;
comment on function tally.note_crossings(public.usage_quotas, numeric, timestamptz, timestamptz) is
  'Records the thresholds that a quota has reached in a period, each once per limit: a raised limit arms them again.';
revoke execute on function tally.note_crossings(public.usage_quotas, numeric,
  timestamptz, timestamptz)
  from public, anon, authenticated;

create function tally.note_missed_periods(quota public.usage_quotas, seqs bigint[],
  until timestamptz)
returns void
language plpgsql volatile security definer set search_path = '' set enable_seqscan = off
as $$
declare
  q public.usage_quotas := note_missed_periods.quota;
begin
  perform tally.note_crossings(q, m.used, m.starts_at, m.ends_at)
  from (
    select greatest(p.starts_at, q.reset_at) as starts_at, p.ends_at, sum(u.amount) as used
    from tally.pending_usage(q.organization_id, note_missed_periods.seqs, array[q.id]) as u
    join public.organizations as o on o.id = q.organization_id
    cross join lateral tally.quota_period(q.quota_type, coalesce(q.timezone, o.timezone), q.anchor,
      u.created_at) as p
    where u.created_at >= q.reset_at and u.created_at < note_missed_periods.until
    group by 1, 2
  ) as m;
end;
$$;
comment on function tally.note_missed_periods(public.usage_quotas, bigint[], timestamptz) is
  'Records the thresholds that were reached in periods which began and ended while nothing was folded.';
revoke execute on function tally.note_missed_periods(public.usage_quotas, bigint[], timestamptz)
  from public, anon, authenticated;

create function tally.note_terms()
returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- A limit that is used up brings no more use that could tell. What is pending, and the last word
  -- on a period that has ended, the fold tells.
  perform tally.note_crossings(new, new.current_usage, new.period_start,
    coalesce(new.reset_at, 'infinity'));
  return null;
end;
$$;
comment on function tally.note_terms() is
  'Records the thresholds that a new quota, or one with new terms, has reached already.';
revoke execute on function tally.note_terms() from public, anon, authenticated;
-- A prepaid account has new terms with every grant; the fold tells when it runs low.
create trigger note_terms after insert or update of quota_limit, alert_thresholds
  on public.usage_quotas
  for each row when (not new.is_credit and new.current_usage > 0
    and coalesce(new.reset_at > now(), true))
  execute function tally.note_terms();

create function tally.note_forecast(quota public.usage_quotas, at timestamptz)
returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_elapsed numeric;
  v_length numeric;
  v_used numeric := (note_forecast.quota).current_usage;
  v_limit numeric := (note_forecast.quota).quota_limit;
begin
  if (note_forecast.quota).quota_type not in ('weekly', 'monthly', 'yearly') then
    return;
  end if;
  v_elapsed := extract(epoch from note_forecast.at - (note_forecast.quota).period_start);
  v_length := extract(epoch from (note_forecast.quota).reset_at
    - (note_forecast.quota).period_start);
  -- A fifth of the period must have passed: a pace of less says little.
  if v_elapsed < v_length / 5 or v_used <= 0 or v_used >= v_limit
    or v_used / v_elapsed * v_length <= v_limit then
    return;
  end if;
  insert into public.usage_alerts (organization_id, quota_id, kind, threshold, level, metric,
    quota_type, quota_limit, current_usage, period_start, reset_at, expected_at)
  values ((note_forecast.quota).organization_id, (note_forecast.quota).id, 'forecast',
    100, 'warning', (note_forecast.quota).metric, (note_forecast.quota).quota_type, v_limit,
    trim_scale(v_used), (note_forecast.quota).period_start, (note_forecast.quota).reset_at,
    (note_forecast.quota).period_start + v_limit / v_used * v_elapsed * interval '1 second')
  on conflict on constraint crossing_is_told_once do nothing;
end;
$$;
comment on function tally.note_forecast(public.usage_quotas, timestamptz) is
  'Records, once per period and limit, that a quota will be used up before it resets if use goes on as it has since the period began.';
revoke execute on function tally.note_forecast(public.usage_quotas, timestamptz)
  from public, anon, authenticated;
