begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
update tally.settings set event_late_limit = '100 years';
select tests.track('acme', jsonb_build_object('created_at', timestamptz '2025-02-10T12:00:00Z' + n * interval '1 minute'))
from generate_series(0, 59) as n;
select tally.tick();
alter table public.token_usage detach partition tally.token_usage_2025_02;
drop table tally.token_usage_2025_02;
create function pg_temp.calls(starts_at text, ends_at text) returns bigint language sql as $$
  select t.request_count
  from public.usage_totals(tests.id_of('acme'), starts_at::timestamptz, ends_at::timestamptz) as t
$$;

select is(pg_temp.calls('2025-02-01T00:00Z', '2025-03-01T00:00Z'), 60::bigint, 'the rollups outlive the events');
select is(pg_temp.calls('2025-02-10T12:20Z', '2025-02-10T12:50Z'), 30::bigint, 'cut at quarters of an hour, each in one range');
select is(
  pg_temp.calls('2025-02-10T12:00Z', '2025-02-10T12:20Z') + pg_temp.calls('2025-02-10T12:20Z', '2025-02-10T13:00Z'),
  60::bigint, 'so that ranges that meet still add up');

select * from finish();
rollback;
