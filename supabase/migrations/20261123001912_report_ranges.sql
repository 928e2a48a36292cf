-- Where a range of time is read: from the coarsest level of the rollups that is enough for each
-- part of it, and from the events where it cuts a quarter of an hour.

create function tally.round_archived(at timestamptz)
returns timestamptz
language plpgsql stable security invoker set search_path = ''
as $$
begin
  return case
    when not tally.has_month(round_archived.at)
      then date_bin('15 minutes', round_archived.at, timestamptz 'epoch')
    else round_archived.at
  end;
end;
$$;
comment on function tally.round_archived(timestamptz) is
  'A moment; within a month whose events were archived, the start of its 15 minutes: finer than that only events are.';
revoke execute on function tally.round_archived(timestamptz) from public, anon, authenticated;

create function tally.reading_end(ends_at timestamptz)
returns timestamptz
language plpgsql stable security invoker set search_path = ''
as $$
begin
  return least(reading_end.ends_at, date_bin('15 minutes', now(), timestamptz 'epoch')
    + interval '15 minutes');
end;
$$;
comment on function tally.reading_end(timestamptz) is
  'How far a range is read that goes to the present: to the end of the running 15 minutes, which a rollup has as a whole.';
revoke execute on function tally.reading_end(timestamptz) from public, anon, authenticated;

create function tally.rollup_levels(kind text)
returns integer[]
language sql immutable security invoker set search_path = ''
as $$
  select case
    when rollup_levels.kind = 'actor_totals' then '{10080,1440,60,15}'::integer[]
    when rollup_levels.kind in ('totals', 'dimensions', 'duration_totals') then '{1440,60,15}'
    else '{1440,15}'
  end
$$;
comment on function tally.rollup_levels(text) is
  'The lengths of buckets, in minutes, that rollups have: totals, actor_totals, duration_totals (all dimensions together, as dimension 0), dimensions, actors, durations, packages.';
revoke execute on function tally.rollup_levels(text) from public, anon, authenticated;

create function tally.cut_at_days(points timestamptz[], has_weeks boolean)
returns table (week timestamptz, day timestamptz, span integer, starts_at timestamptz,
  ends_at timestamptz)
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_first timestamptz := cut_at_days.points[1];
  v_last timestamptz := cut_at_days.points[cardinality(cut_at_days.points)];
  v_unit interval := case when cut_at_days.has_weeks then interval '168 hours'
    else interval '24 hours' end;
begin
  return query
  select date_bin('7 days', p.day, timestamptz 'epoch'), p.day,
    case when p.starts_at >= v_first and p.starts_at < v_last
      then width_bucket(p.starts_at, cut_at_days.points) else 0 end,
    p.starts_at, p.ends_at
  from (
    select d.day, c.point as starts_at, lead(c.point) over (partition by d.day
      order by c.point) as ends_at
    from generate_series(date_bin(v_unit, v_first, timestamptz 'epoch'),
      date_bin(v_unit, v_last - interval '1 microsecond', timestamptz 'epoch')
        + v_unit - interval '24 hours', interval '24 hours') as d (day)
    cross join lateral (
      select d.day as point
      union
      select d.day + interval '24 hours'
      union
      select p.point from unnest(cut_at_days.points) as p (point)
      where p.point > d.day and p.point < d.day + interval '24 hours'
    ) as c
  ) as p
  where p.ends_at is not null;
end;
$$;
comment on function tally.cut_at_days(timestamptz[], boolean) is
  'The spans between moments, cut into the parts that each day (UTC) has of them; span 0 is what the first and the last day, or week, have beside them.';
revoke execute on function tally.cut_at_days(timestamptz[], boolean)
  from public, anon, authenticated;

create function tally.cut_days(points timestamptz[], has_weeks boolean)
returns table (span integer, minus_span integer, minutes integer, starts_at timestamptz,
  ends_at timestamptz)
language plpgsql stable security invoker set search_path = ''
as $$
begin
  return query
  with parts as materialized (
    select p.*, p.ends_at - p.starts_at as length
    from tally.cut_at_days(cut_days.points, cut_days.has_weeks) as p
  ),
  -- A whole week for the span that has most of it, the other days taken off it, where that is less
  -- to read. Of what is still to come there is nothing to take off.
  weeks as materialized (
    select distinct on (w.week) w.week, w.span
    from (
      select p.week, p.span, sum(p.length) as length, coalesce(sum(sum(greatest(
          least(p.ends_at, now()) - p.starts_at, interval '0'))) filter (where p.span = 0)
        over (partition by p.week), interval '0') as beside
      from parts as p
      group by p.week, p.span
    ) as w
    where cut_days.has_weeks and w.span > 0 and w.length > w.beside + interval '24 hours'
    order by w.week, w.length desc, w.span
  ),
  -- What is in a week that is read whole is had already.
  ranked as (
    select p.*, coalesce(w.span, 0) as had,
      coalesce(sum(p.length) filter (where p.span = coalesce(w.span, 0))
        over (partition by p.day), interval '0') as length_had,
      first_value(p.span) over longest as main_span,
      first_value(p.length) over longest as main_length,
      row_number() over longest as place
    from parts as p
    left join weeks as w on w.week = p.week
    window longest as (partition by p.day
      order by p.span = coalesce(w.span, 0), p.length desc, p.starts_at)
  )
  select nullif(c.span, 0), nullif(c.minus_span, 0), c.minutes, c.starts_at, c.ends_at
  from (
    select w.span, 0 as minus_span, 10080 as minutes, w.week as starts_at,
      w.week + interval '168 hours' as ends_at
    from weeks as w
    union all
    -- In the same way a whole day for its longest part.
    select r.main_span, r.had, 1440, r.day, r.day + interval '24 hours'
    from ranked as r
    where r.place = 1 and r.main_length > r.length_had + interval '2 hours'
    union all
    select r.span, r.main_span, 15, r.starts_at, r.ends_at
    from ranked as r
    where r.place > 1 and r.main_length > r.length_had + interval '2 hours'
    union all
    select r.span, r.had, 15, r.starts_at, r.ends_at
    from ranked as r
    where r.main_length <= r.length_had + interval '2 hours'
  ) as c
  where c.span <> c.minus_span;
end;
$$;
comment on function tally.cut_days(timestamptz[], boolean) is
  'Where the spans between moments (on quarters of an hour) are to be read: whole weeks, if there are any, whole days (UTC), and quarters of an hour. What is read goes to a span and is taken off minus_span, the one that the day or the week around it was given to.';
revoke execute on function tally.cut_days(timestamptz[], boolean)
  from public, anon, authenticated;

create function tally.cut_range(boundaries timestamptz[], levels integer[])
returns table (span integer, minus_span integer, minutes integer, starts_at timestamptz,
  ends_at timestamptz)
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_spans integer := cardinality(cut_range.boundaries) - 1;
  v_starts_at timestamptz := cut_range.boundaries[1];
  v_ends_at timestamptz := cut_range.boundaries[v_spans + 1];
  v_first timestamptz := date_bin('15 minutes', v_starts_at + interval '15 minutes'
    - interval '1 microsecond', timestamptz 'epoch');
  v_last timestamptz := date_bin('15 minutes', v_ends_at, timestamptz 'epoch');
  v_points timestamptz[];
  v_has_days boolean;
begin
  if v_first > v_last then
    return query select 1, null::integer, 0, v_starts_at, v_ends_at where v_starts_at < v_ends_at;
    return;
  end if;
  -- What the range cuts off of quarters of an hour is read from the events (0 minutes).
  return query
  select 1, null::integer, 0, v_starts_at, v_first where v_starts_at < v_first
  union all
  select v_spans, null, 0, v_last, v_ends_at where v_last < v_ends_at;
  if v_first = v_last then
    return;
  end if;
  v_points := cut_range.boundaries;
  v_points[1] := v_first;
  v_points[v_spans + 1] := v_last;
  -- Of spans of a few hours none has the better part of a day.
  v_has_days := 1440 = any (cut_range.levels)
    and v_last - v_first >= v_spans * interval '4 hours';
  return query
  select p.span, p.minus_span, q.minutes, q.starts_at, q.ends_at
  from (
    select d.* from tally.cut_days(v_points, 10080 = any (cut_range.levels)) as d
    where v_has_days
    union all
    select n, null, 15, v_points[n], v_points[n + 1]
    from generate_series(1, v_spans) as n
    where not v_has_days
  ) as p
  cross join lateral (
    select date_bin('1 hour', p.starts_at + interval '1 hour' - interval '1 microsecond',
      timestamptz 'epoch') as first_hour,
      date_bin('1 hour', p.ends_at, timestamptz 'epoch') as last_hour
  ) as h
  cross join lateral (
    select p.minutes, p.starts_at, p.ends_at
    where p.minutes >= 1440 or 60 <> all (cut_range.levels) or h.first_hour >= h.last_hour
    union all
    select c.minutes, c.starts_at, c.ends_at
    from (values (15, p.starts_at, h.first_hour), (60, h.first_hour, h.last_hour),
      (15, h.last_hour, p.ends_at))
      as c (minutes, starts_at, ends_at)
    where not (p.minutes >= 1440 or 60 <> all (cut_range.levels) or h.first_hour >= h.last_hour)
      and c.starts_at < c.ends_at
  ) as q
  where p.starts_at < p.ends_at;
end;
$$;
comment on function tally.cut_range(timestamptz[], integer[]) is
  'Where the spans between moments are to be read: buckets of the given lengths (minutes) from the rollups, the rest (0) from the events. What is read counts in span and is taken off minus_span.';
revoke execute on function tally.cut_range(timestamptz[], integer[])
  from public, anon, authenticated;
