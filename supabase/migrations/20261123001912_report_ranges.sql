-- Where a range of time is read: from the coarsest level of the rollups that is enough for each
-- part of it, and from the events where it cuts a quarter of an hour.

create function tally.round_archived(at timestamptz)
returns timestamptz
language plpgsql stable security invoker set search_path = ''
as $$
begin
  return case
    when to_regclass('tally.token_usage_' || to_char(round_archived.at at time zone 'UTC',
      'YYYY_MM')) is null
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
    when rollup_levels.kind in ('totals', 'dimensions', 'actor_totals', 'duration_totals')
      then '{1440,60,15}'::integer[]
    else '{1440,15}'
  end
$$;
comment on function tally.rollup_levels(text) is
  'The lengths of buckets, in minutes, that rollups have: totals, actor_totals, duration_totals (all dimensions together, as dimension 0), dimensions, actors, durations, packages.';
revoke execute on function tally.rollup_levels(text) from public, anon, authenticated;

create function tally.cut_days(points timestamptz[])
returns table (span integer, minus_span integer, minutes integer, starts_at timestamptz,
  ends_at timestamptz)
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_first timestamptz := cut_days.points[1];
  v_last timestamptz := cut_days.points[cardinality(cut_days.points)];
begin
  return query
  with parts as (
    select d.day, c.point as starts_at, lead(c.point) over (partition by d.day
      order by c.point) as ends_at
    from generate_series(date_bin('1 day', v_first, timestamptz 'epoch'),
      v_last - interval '1 microsecond', interval '1 day')
      as d (day)
    cross join lateral (
      select d.day as point
      union
      select d.day + interval '1 day'
      union
      select p.point from unnest(cut_days.points) as p (point)
      where p.point > d.day and p.point < d.day + interval '1 day'
    ) as c
  ),
  known as (
    select p.*, p.ends_at - p.starts_at as length,
      case when p.starts_at >= v_first and p.starts_at < v_last
        then width_bucket(p.starts_at, cut_days.points) end as span
    from parts as p
    where p.ends_at is not null
  ),
  ranked as (
    select k.*,
      coalesce(sum(k.length) filter (where k.span is null) over (partition by k.day), interval '0')
        as outside,
      first_value(k.span) over w as main_span,
      first_value(k.length) over w as main_length,
      row_number() over w as place
    from known as k
    window w as (partition by k.day order by k.span is null, k.length desc, k.starts_at)
  )
  -- The whole day for its longest part, the other parts taken off it, where that is less to read.
  select r.main_span, null::integer, 1440, r.day, r.day + interval '1 day'
  from ranked as r
  where r.place = 1 and r.main_length > r.outside + interval '2 hours'
  union all
  select r.span, r.main_span, 15, r.starts_at, r.ends_at
  from ranked as r
  where r.place > 1 and r.main_length > r.outside + interval '2 hours'
  union all
  select r.span, null, 15, r.starts_at, r.ends_at
  from ranked as r
  where r.span is not null and r.main_length <= r.outside + interval '2 hours';
end;
$$;
comment on function tally.cut_days(timestamptz[]) is
  'Where the spans between moments (on quarters of an hour) are to be read: whole days (UTC), and quarters of an hour that go to a span and are taken off minus_span, the one that the day was given to.';
revoke execute on function tally.cut_days(timestamptz[]) from public, anon, authenticated;

create function tally.cut_range(boundaries timestamptz[], levels integer[])
returns table (span integer, minus_span integer, minutes integer, starts_at timestamptz,
  ends_at timestamptz)
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_spans integer := cardinality(cut_range.boundaries) - 1;
  v_starts_at timestamptz := cut_range.boundaries[1];
  v_ends_at timestamptz := cut_range.boundaries[v_spans + 1];
  v_first timestamptz := date_bin('15 minutes', v_starts_at + interval '15 minutes'
    - interval '1 microsecond', timestamptz 'epoch');
  v_last timestamptz := date_bin('15 minutes', v_ends_at, timestamptz 'epoch');
  v_points timestamptz[];
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
  return query
  select p.span, p.minus_span, q.minutes, q.starts_at, q.ends_at
  from (
    select d.* from tally.cut_days(v_points) as d where 1440 = any (cut_range.levels)
    union all
    select n, null, 15, v_points[n], v_points[n + 1]
    from generate_series(1, v_spans) as n
    where 1440 <> all (cut_range.levels)
  ) as p
  cross join lateral (
    select date_bin('1 hour', p.starts_at + interval '1 hour' - interval '1 microsecond',
      timestamptz 'epoch') as first_hour,
      date_bin('1 hour', p.ends_at, timestamptz 'epoch') as last_hour
  ) as h
  cross join lateral (
    select p.minutes, p.starts_at, p.ends_at
    where p.minutes = 1440 or 60 <> all (cut_range.levels) or h.first_hour >= h.last_hour
    union all
    select c.minutes, c.starts_at, c.ends_at
    from (values (15, p.starts_at, h.first_hour), (60, h.first_hour, h.last_hour),
      (15, h.last_hour, p.ends_at))
      as c (minutes, starts_at, ends_at)
    where not (p.minutes = 1440 or 60 <> all (cut_range.levels) or h.first_hour >= h.last_hour)
      and c.starts_at < c.ends_at
  ) as q
  where p.starts_at < p.ends_at;
end;
$$;
comment on function tally.cut_range(timestamptz[], integer[]) is
  'Where the spans between moments are to be read: buckets of the given lengths (minutes) from the rollups, the rest (0) from the events. What is read counts in span and is taken off minus_span.';
revoke execute on function tally.cut_range(timestamptz[], integer[])
  from public, anon, authenticated;
