-- Forecasts: what a range will have come to at its end, from what the days before were like.

create function tally.forecast_days(history double precision[], first_weekday integer, days integer)
returns double precision[]
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_length integer := coalesce(cardinality(forecast_days.history), 0);
  v_forecast double precision[];
begin
  if v_length = 0 then
    return array_fill(0::double precision, array[forecast_days.days]);
  end if;
  with days as materialized (
    select h.place, h.amount, (forecast_days.first_weekday + h.place - 1) % 7 as weekday,
      v_length - h.place as age
    from unnest(forecast_days.history) with ordinality as h (amount, place)
  ),
  -- Outliers are days that stand out of the week around them, once weekdays are made alike: a spike
  -- is one, the days after the level has changed are not. They are cut to three (robust) standard
  -- deviations.
  medians as (
    select d.weekday, percentile_cont(0.5) within group (order by d.amount) as middle
    from days as d
    group by d.weekday
  ),
  factors as (
    select m.weekday, case when v_length < 14 then 1 else m.middle
      / nullif(avg(m.middle) over (), 0) end as factor
    from medians as m
  ),
  alike as materialized (
    select d.*, f.factor, d.amount / nullif(f.factor, 0) as ratio
    from days as d
    join factors as f using (weekday)
  ),
  smooth as materialized (
    select a.place, percentile_cont(0.5) within group (order by n.ratio) as middle
    from alike as a
    join alike as n on n.place between a.place - 3 and a.place + 3
    group by a.place
  ),
  spread as (
    select greatest(1.4826 * percentile_cont(0.5) within group (order by abs(a.ratio - s.middle)),
      0.1 * percentile_cont(0.5) within group (order by s.middle)) as deviation
    from alike as a
    join smooth as s using (place)
  ),
  cut as (
    select a.weekday, a.age, case
      when v_length < 14 or a.ratio is null or p.deviation is null then a.amount
      else a.factor * greatest(least(a.ratio, s.middle + 3 * p.deviation),
        s.middle - 3 * p.deviation)
    end as amount
    from alike as a
    join smooth as s using (place)
    cross join spread as p
  ),
  -- A weekday's share of the week, drawn towards an even one by as much as few weeks say little.
  level as (
    select avg(c.amount) as amount from cut as c
  ),
  weekdays as (
    select w.weekday, (coalesce(sum(c.amount), 0) / nullif(l.amount, 0) + 1)
      / (count(c.amount) + 1) as share
    from generate_series(0, 6) as w (weekday)
    cross join level as l
    left join cut as c on c.weekday = w.weekday
    group by w.weekday, l.amount
  ),
  shares as (
    select w.weekday, case when v_length < 14 then 1
      else coalesce(w.share / nullif(avg(w.share) over (), 0), 1) end as share
    from weekdays as w
  ),
  -- The level of today: recent days say more, half as much every two weeks.
  today as (
    select sum(c.amount * power(0.5, c.age / 14.0))
      / nullif(sum(s.share * power(0.5, c.age / 14.0)), 0) as amount
    from cut as c
    join shares as s using (weekday)
  )
  select array_agg(coalesce(t.amount, 0) * s.share order by n)
  into v_forecast
  from generate_series(0, forecast_days.days - 1) as n
  cross join today as t
  join shares as s on s.weekday = (forecast_days.first_weekday + v_length + n) % 7;
  return coalesce(v_forecast, '{}');
end;
$$;
comment on function tally.forecast_days(double precision[], integer, integer) is
  'The days after a history of days: its recent level, outliers cut, times the share of each weekday. first_weekday: of the first day of history.';
revoke execute on function tally.forecast_days(double precision[], integer, integer)
  from public, anon, authenticated;

create function tally.forecast_errors(history double precision[],
  first_weekday integer, days integer)
returns double precision[]
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_length integer := coalesce(cardinality(forecast_errors.history), 0);
  -- An origin is each of the last three weeks of days with two weeks before it; a long horizon
  -- leaves fewer, a week of them at least.
  v_days integer := greatest(1, least(forecast_errors.days, v_length - 20));
  v_errors double precision[] := '{}'::double precision[];
  v_expected double precision;
  v_actual double precision;
begin
  for v_origin in greatest(14, v_length - v_days - 20) .. v_length - v_days loop
    select sum(f.amount) into v_expected
    from unnest(tally.forecast_days(
      forecast_errors.history[1:v_origin], forecast_errors.first_weekday, v_days)) as f (amount);
    select sum(h.amount) into v_actual
    from unnest(forecast_errors.history[v_origin + 1:v_origin + v_days]) as h (amount);
    if v_expected > 0 then
      v_errors := v_errors || (v_actual - v_expected) / v_expected;
    end if;
  end loop;
  return v_errors;
end;
$$;
comment on function tally.forecast_errors(double precision[], integer, integer) is
  'Back-test: by how much of the forecast the days after each day of a history differed from what would have been forecast then.';
revoke execute on function tally.forecast_errors(double precision[], integer, integer)
  from public, anon, authenticated;

create function tally.daily_history(organization_id uuid, at timestamptz, filters jsonb,
  timezone text, measure text)
returns double precision[]
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_today timestamp := date_trunc('day', daily_history.at at time zone daily_history.timezone);
  v_amounts double precision[];
  v_first integer;
begin
  select array_agg(tally.measure_of(s.use, daily_history.measure)
    order by s.bucket_start) into v_amounts
  from tally.read_series(daily_history.organization_id, tally.bucket_boundaries(
    tally.local_moment(v_today - interval '56 days', daily_history.timezone),
    tally.local_moment(v_today, daily_history.timezone), 'day', daily_history.timezone),
    daily_history.filters, daily_history.timezone, null) as s;
  -- History begins on the day after the first use: on that itself it may have begun at any hour.
  select min(a.place) into v_first from unnest(v_amounts) with ordinality as a (amount, place)
    where a.amount > 0;
  return coalesce(v_amounts[case when v_first = 1 then 1 else v_first + 1 end:], '{}');
end;
$$;
comment on function tally.daily_history(uuid, timestamptz, jsonb, text, text) is
  'A measure of each of the up to 56 whole days before the day of a moment.';
revoke execute on function tally.daily_history(uuid, timestamptz, jsonb, text, text)
  from public, anon, authenticated;

create function tally.usage_forecast(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb, timezone text,
  of_measure text, at timestamptz)
returns table (measure text, as_of timestamptz, to_date numeric, elapsed_days numeric,
  remaining_days numeric, daily_average numeric, projected numeric, projected_low numeric,
  projected_high numeric, confidence numeric, backtest_error_percent numeric,
  backtest_count integer, history_days integer, method text)
language plpgsql stable security definer set search_path = '' set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_timezone text;
  v_history double precision[];
  v_errors double precision[];
  v_today timestamp;
  v_days integer;
  v_weekday integer;
  v_rest double precision;
  v_low double precision;
  v_high double precision;
begin
  v_timezone := tally.check_report(usage_forecast.organization_id, usage_forecast.starts_at,
    usage_forecast.ends_at, usage_forecast.timezone);
  if usage_forecast.at is null or usage_forecast.at not between timestamptz '2000-01-01 00:00:00+00'
    and timestamptz '2200-01-01 00:00:00+00' then
    perform tally.fail('PT400', 'at must be a moment of the years 2000 to 2199.', 'at');
  end if;
  measure := usage_forecast.of_measure;
  as_of := greatest(least(usage_forecast.at, usage_forecast.ends_at), usage_forecast.starts_at);
  confidence := 0.8;
  to_date := case when as_of > usage_forecast.starts_at then (
    select coalesce(sum(tally.measure_of(u, usage_forecast.of_measure)), 0)
    from tally.usage_range(usage_forecast.organization_id, array[usage_forecast.starts_at,
      case when as_of < now() then as_of else tally.reading_end(usage_forecast.ends_at) end],
      usage_forecast.filters, null) as u
  ) else 0 * tally.measure_of(null, usage_forecast.of_measure) end;
  elapsed_days := round(extract(epoch from as_of - usage_forecast.starts_at) / 86400, 4);
  remaining_days := round(extract(epoch from usage_forecast.ends_at - as_of) / 86400, 4);
  daily_average := round(to_date / nullif(elapsed_days, 0), 6);
  projected := to_date;
  projected_low := to_date;
  projected_high := to_date;
  backtest_count := 0;
  history_days := 0;
  if remaining_days = 0 then
    method := 'over';
    return next;
    return;
  end if;
  v_history := tally.daily_history(usage_forecast.organization_id,
    least(usage_forecast.at, usage_forecast.ends_at), usage_forecast.filters, v_timezone,
    usage_forecast.of_measure);
  history_days := cardinality(v_history);
  v_today := date_trunc('day', least(usage_forecast.at,
    usage_forecast.ends_at) at time zone v_timezone);
  v_days := greatest(1, ceil(extract(epoch from usage_forecast.ends_at - tally.local_moment(v_today,
    v_timezone)) / 86400))::integer + 1;
  v_weekday := (extract(isodow from v_today)::integer - 1 - history_days % 7 + 7) % 7;
  select coalesce(sum(f.amount * extract(epoch from least(d.ends_at,
    usage_forecast.ends_at) - greatest(d.starts_at, as_of))
      / extract(epoch from d.ends_at - d.starts_at)), 0)
  into v_rest
  from unnest(tally.forecast_days(v_history, v_weekday, v_days)) with ordinality
    as f (amount, place)
  cross join lateral (
    select tally.local_moment(v_today + (f.place - 1) * interval '1 day', v_timezone) as starts_at,
      tally.local_moment(v_today + f.place * interval '1 day', v_timezone) as ends_at
  ) as d
  where d.starts_at < usage_forecast.ends_at and d.ends_at > as_of and d.ends_at > d.starts_at;
  v_errors := tally.forecast_errors(v_history, v_weekday, ceil(remaining_days)::integer);
  backtest_count := cardinality(v_errors);
  if backtest_count >= 7 then
    select
      least(percentile_cont((1 - confidence::double precision) / 2) within
        group (order by e.error), 0),
      greatest(percentile_cont((1 + confidence::double precision) / 2) within
        group (order by e.error), 0),
      round((100 * avg(abs(e.error)))::numeric, 2)
    into v_low, v_high, backtest_error_percent
    from unnest(v_errors) as e (error);
    method := 'weekdays';
  else
    -- Too little history to test on: as the days differ, so may their sum.
    select coalesce(1.2816 * stddev_samp(h.amount) / nullif(avg(h.amount), 0)
      / sqrt(greatest(remaining_days, 1)), 1)
    into v_high
    from unnest(v_history) as h (amount);
    v_low := -least(v_high, 1);
    method := case when history_days >= 14 then 'weekdays' when history_days > 0 then 'recent days'
      else 'daily average' end;
    if history_days = 0 then
      v_rest := coalesce(daily_average, 0) * remaining_days;
    end if;
  end if;
  projected := round(to_date + v_rest::numeric, 6);
  projected_low := round(to_date + (v_rest * (1 + v_low))::numeric, 6);
  projected_high := round(to_date + (v_rest * (1 + v_high))::numeric, 6);
  return next;
end;
$$;
comment on function tally.usage_forecast(uuid, timestamptz, timestamptz, jsonb, text, text,
  timestamptz) is
  'Behind public.usage_forecast.';
revoke execute on function tally.usage_forecast(uuid, timestamptz, timestamptz, jsonb, text,
  text, timestamptz)
  from public, anon, authenticated;
grant execute on function tally.usage_forecast(uuid, timestamptz, timestamptz, jsonb, text,
  text, timestamptz)
  to authenticated, service_role;

create function public.usage_forecast(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, filters jsonb default '{}',
  timezone text default null, measure text default 'total_cost_usd', at timestamptz default now())
returns table (measure text, as_of timestamptz, to_date numeric, elapsed_days numeric,
  remaining_days numeric, daily_average numeric, projected numeric, projected_low numeric,
  projected_high numeric, confidence numeric, backtest_error_percent numeric,
  backtest_count integer, history_days integer, method text)
language sql stable security invoker set search_path = ''
as $$
  select r.*
  from tally.usage_forecast(usage_forecast.organization_id, usage_forecast.starts_at,
    usage_forecast.ends_at, usage_forecast.filters, usage_forecast.timezone, usage_forecast.measure,
    usage_forecast.at) as r
$$;
comment on function public.usage_forecast(uuid, timestamptz, timestamptz, jsonb, text, text,
  timestamptz) is
  'What a range, such as the running month, will have come to at its end: one measure to date, its daily average, and the projection with the interval that holds it with the given confidence. Each day to come is the recent level (outliers cut) times the share of its weekday; backtest_error_percent is how far the same method was off, on average, when tried on each earlier day. at: as of which moment. Errors: PT400, PT403.';
revoke execute on function public.usage_forecast(uuid, timestamptz, timestamptz, jsonb, text,
  text, timestamptz)
  from public, anon, authenticated;
grant execute on function public.usage_forecast(uuid, timestamptz, timestamptz, jsonb, text,
  text, timestamptz)
  to authenticated, service_role;
