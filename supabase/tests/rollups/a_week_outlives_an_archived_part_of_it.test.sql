begin;
select plan(6);

select tests.create_organization('acme');
select tests.create_model('echo');
update tally.settings set event_late_limit = '100 years';
-- The week from Thursday, 2025-02-27 belongs to two months.
select tests.track('acme', jsonb_build_object('user_id', tests.id_of('user ' || n % 2), 'input_tokens', n,
  'created_at', timestamptz '2025-02-20T12:00:00Z' + n * interval '7 hours'))
from generate_series(0, 59) as n;
select tally.tick();
alter table public.token_usage detach partition tally.token_usage_2025_02;
drop table tally.token_usage_2025_02;
create function pg_temp.differences() returns setof text language sql as $$
  select v.rollup || ' ' || v.measure
  from public.verify_rollup(tests.id_of('acme'), '2025-02-01T00:00Z', '2025-04-01T00:00Z') as v
$$;
create function pg_temp.tokens(starts_at text, ends_at text) returns numeric language sql as $$
  select sum(b.total_input_tokens)
  from public.usage_breakdown(tests.id_of('acme'), starts_at::timestamptz, ends_at::timestamptz, dimension => 'user_id') as b
$$;

select is_empty('select pg_temp.differences()', 'a week is healthy when a part of its events was archived');
update tally.usage_rollups set input_tokens = input_tokens + 1 where minutes = 10080 and bucket_start = '2025-02-27T00:00Z';
select set_eq('select pg_temp.differences()', array['usage by week input_tokens'], 'a changed one is found all the same');
select is(public.repair_rollup(tests.id_of('acme'), '2025-02-01T00:00Z', '2025-04-01T00:00Z'), 1, 'and mended');
select is(pg_temp.tokens('2025-02-20T00:00Z', '2025-03-13T00:00Z'), (59 * 60 / 2)::numeric, 'with what was archived');

update tally.usage_rollups set input_tokens = input_tokens + 1 where minutes = 15 and bucket_start >= '2025-03-02T00:00Z';
select public.repair_rollup(tests.id_of('acme'), '2025-03-02T00:00Z', '2025-03-20T00:00Z');
select is_empty('select pg_temp.differences()', 'so it is when other days of the week are made again');
select is(pg_temp.tokens('2025-02-20T00:00Z', '2025-03-13T00:00Z'), (59 * 60 / 2)::numeric, 'nothing archived is lost');

select * from finish();
rollback;
