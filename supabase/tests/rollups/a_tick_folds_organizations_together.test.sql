begin;
select plan(5);

select tests.create_organization('acme');
select tests.create_organization('bolt');
select public.set_quota(tests.id_of('bolt'), 'monthly', 100);
select tests.track('acme', '{"input_tokens": 100, "duration_ms": 40}');
select tests.track('bolt', '{"input_tokens": 200, "user_id": "00000000-0000-4000-8000-0000000000aa"}');
select public.log_execution(jsonb_build_object('organization_id', tests.id_of('bolt'),
  'id', '00000000-0000-4000-8000-0000000000e1', 'package_name', 'summarizer', 'status', 'success'));
select tests.track('bolt', '{"input_tokens": 300, "execution_id": "00000000-0000-4000-8000-0000000000e1"}');
-- More events than are counted at a time.
select is(public.track_usage_batch((
  select jsonb_agg(tests.event_of('acme', '{"input_tokens": 1}')) from generate_series(1, 10000))) ->> 'recorded',
  '10000', 'a large batch');
select public.track_usage_batch((
  select jsonb_agg(tests.event_of('acme', '{"input_tokens": 1}')) from generate_series(1, 10000)));
select ok((select count(*) > 1 from tally.due_deltas(tests.id_of('acme'), now())),
  'what is due is folded in parts');

select tally.tick();
select is_empty('select from tally.usage_deltas', 'nothing is left to fold');
select results_eq(
  $$ select r.organization_id = tests.id_of('acme'), r.request_count, r.input_tokens from tally.usage_rollups as r
     where r.actor_id = 0 and r.minutes = 1440 and r.dimension_id = 0 order by 1 $$,
  'values (false, 2::bigint, 500::bigint), (true, 20001, 20100)', 'each organization has its own sums');
select is_empty('select from public.verify_rollup()', 'and all of them, executions too, are what the events say');

select * from finish();
rollback;
