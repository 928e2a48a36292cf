-- What a report spans: moments of the calendar, as the clocks of a timezone show them.

create function tally.check_report(
  organization_id uuid, starts_at timestamptz, ends_at timestamptz, timezone text)
returns text
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_timezone text := check_report.timezone;
begin
  perform tally.require_member(check_report.organization_id);
  perform tally.require_span(check_report.starts_at, check_report.ends_at);
  if check_report.ends_at > check_report.starts_at + interval '10 years' then
    perform tally.fail('PT400', 'A report may span at most ten years.', 'starts_at, ends_at');
  elsif check_report.starts_at < timestamptz '2000-01-01 00:00:00+00'
    or check_report.ends_at > timestamptz '2200-01-01 00:00:00+00' then
    perform tally.fail('PT400', 'A report may span the years 2000 to 2199.', 'starts_at, ends_at');
  end if;
  if v_timezone is null then
    select o.timezone into v_timezone from public.organizations as o
      where o.id = check_report.organization_id;
  end if;
  begin
    perform check_report.starts_at at time zone v_timezone;
  exception when invalid_parameter_value then
    perform tally.fail('PT400', format('There is no timezone %L.', left(v_timezone, 80)), 'timezone',
      'Use an IANA name such as Europe/Berlin.');
  end;
  return v_timezone;
end;
$$;
comment on function tally.check_report(uuid, timestamptz, timestamptz, text) is
  'Raises PT403 unless the caller may read the organization, PT400 for a span or a timezone that cannot be; returns the timezone to use.';
revoke execute on function tally.check_report(uuid, timestamptz, timestamptz, text)
  from public, anon, authenticated;

create function tally.local_moment(local timestamp, timezone text)
returns timestamptz
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_moment timestamptz := local_moment.local at time zone local_moment.timezone;
begin
  -- Where clocks go back over midnight there are two: the day begins at the first.
  if (v_moment - interval '1 hour') at time zone local_moment.timezone = local_moment.local then
    return v_moment - interval '1 hour';
  end if;
  return v_moment;
end;
$$;
comment on function tally.local_moment(timestamp, text) is
  'The first moment at which the clocks of a timezone show a time; where they skip it, the moment at which they do.';
revoke execute on function tally.local_moment(timestamp, text) from public, anon, authenticated;

create function tally.bucket_boundaries(starts_at timestamptz, ends_at timestamptz, bucket text,
  timezone text)
returns timestamptz[]
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_step interval := case bucket_boundaries.bucket
    when '15_minutes' then interval '15 minutes'
    when 'hour' then interval '1 hour'
    when 'day' then interval '1 day'
    when 'week' then interval '7 days'
    when 'month' then interval '1 month'
    when 'year' then interval '1 year'
  end;
  v_steps integer;
  v_first timestamptz;
  v_inner timestamptz[];
begin
  if v_step is null then
    perform tally.fail('PT400', format('There is no bucket %L.', bucket_boundaries.bucket),
      'bucket', 'Use 15_minutes, hour, day, week, month or year.');
  elsif bucket_boundaries.ends_at - bucket_boundaries.starts_at > 10000 * v_step then
    perform tally.fail('PT400', 'A series may have at most 10000 buckets.', 'bucket',
      'Use a longer bucket or a shorter span.');
  end if;
  v_steps := ceil(extract(epoch from bucket_boundaries.ends_at - bucket_boundaries.starts_at)
    / extract(epoch from v_step));
  if bucket_boundaries.bucket in ('15_minutes', 'hour') then
    -- Hours are elapsed time: a clock change neither skips nor repeats one.
    v_first := case bucket_boundaries.bucket
      when 'hour' then date_trunc('hour', bucket_boundaries.starts_at, bucket_boundaries.timezone)
      else date_bin(interval '15 minutes', bucket_boundaries.starts_at, timestamptz 'epoch')
    end;
    v_inner := array(select v_first + n * v_step from generate_series(1, v_steps) as n);
  else
    v_inner := array(
      select tally.local_moment(l.local, bucket_boundaries.timezone)
      from generate_series(
        date_trunc(bucket_boundaries.bucket,
          bucket_boundaries.starts_at at time zone bucket_boundaries.timezone),
        bucket_boundaries.ends_at at time zone bucket_boundaries.timezone, v_step) as l (local));
  end if;
  return array(
    select bucket_boundaries.starts_at
    union
    select i.moment from unnest(v_inner) as i (moment)
    where i.moment > bucket_boundaries.starts_at and i.moment < bucket_boundaries.ends_at
    union
    select bucket_boundaries.ends_at
    order by 1
  );
end;
$$;
comment on function tally.bucket_boundaries(timestamptz, timestamptz, text, text) is
  'The moments that cut a span into the calendar buckets of a timezone, both its ends included.';
revoke execute on function tally.bucket_boundaries(timestamptz, timestamptz, text, text)
  from public, anon, authenticated;
