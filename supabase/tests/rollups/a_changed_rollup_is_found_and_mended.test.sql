begin;
select plan(6);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 10}');
select tests.track('acme', jsonb_build_object('duration_ms', 40 * i)) from generate_series(1, 5) as i;
select tally.tick();

update tally.usage_rollups set cost_usd = cost_usd + 1 where minutes = 1440 and actor_id = 0;
delete from tally.duration_rollups where minutes = 15;
select bag_has('select rollup, measure, expected, actual from public.verify_rollup()',
  $$ values ('usage by day', 'cost_usd', 0.01, 1.01) $$, 'a changed sum is named');
select bag_has('select rollup, measure, expected, actual from public.verify_rollup()',
  $$ values ('durations by 15 minutes', 'request_count', 1.0, 0.0) $$, 'and so is a lost row');

select tests.track('acme');
select is(public.repair_rollup(), 1, 'the day is made again');
select is_empty('select * from public.verify_rollup()', 'as the events say');
select is(public.repair_rollup(), 0, 'a second repair finds nothing to do');
select is((select sum(request_count)::integer from public.usage_summary), 6,
  'what was recorded meanwhile is counted once');

select * from finish();
rollback;
