begin;
select plan(5);

select tests.create_organization('acme', 'Asia/Kolkata');
select tests.create_model('echo');
update tally.settings set event_late_limit = '100 years';
select tests.track('acme', jsonb_build_object('created_at', e.at)) from (values
  ('2026-06-30T18:29:59Z'), ('2026-06-30T18:30:00Z'),  -- midnight in India
  ('2026-03-08T04:59:59Z'), ('2026-03-08T05:00:00Z'), ('2026-03-09T03:59:59Z'),  -- a day of 23 hours in New York
  ('2025-11-02T04:00:00Z'), ('2025-11-03T04:59:59Z'),  -- and one of 25
  ('2011-12-30T09:59:59Z'), ('2011-12-30T10:00:00Z')) as e (at);  -- a day that Samoa skipped
create function pg_temp.days(starts_at timestamptz, ends_at timestamptz, timezone text default null)
returns text language sql as $$
  select string_agg(format('%s: %s', s.local_start::date, s.request_count), ', ' order by s.bucket_start)
  from public.usage_timeseries(tests.id_of('acme'), starts_at, ends_at, '{}', timezone) as s
$$;

select is(pg_temp.days('2026-06-29T18:30Z', '2026-07-01T18:30Z'), '2026-06-30: 1, 2026-07-01: 1',
  'the timezone of the organization is the default');
select is(pg_temp.days('2026-03-07T05:00Z', '2026-03-10T04:00Z', 'America/New_York'),
  '2026-03-07: 1, 2026-03-08: 2, 2026-03-09: 0', 'a day of 23 hours');
select is(pg_temp.days('2025-11-02T04:00Z', '2025-11-03T05:00Z', 'America/New_York'), '2025-11-02: 2', 'a day of 25 hours');
select is(pg_temp.days('2011-12-29T10:00Z', '2011-12-31T10:00Z', 'Pacific/Apia'), '2011-12-29: 1, 2011-12-31: 1',
  'a day that never was is not there');
select tally.tick();
select is(pg_temp.days('2026-06-29T18:30Z', '2026-07-01T18:30Z'), '2026-06-30: 1, 2026-07-01: 1', 'folding changes nothing');

select * from finish();
rollback;
