begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada');
select tests.create_model('echo');
select public.log_execution(jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tests.id_of('run' || n),
  'package_id', case when n <= 4 then 'cheap' else 'dear' end, 'package_name', 'Name ' || n, 'duration_ms', n * 100,
  'created_at', now() - (10 - n) * interval '1 minute',
  'status', case n when 1 then 'failed' when 2 then 'timeout' when 3 then 'running' else 'success' end))
from generate_series(1, 5) as n;
select tests.track('acme', jsonb_build_object('execution_id', tests.id_of('run' || n), 'input_tokens', n * 1000))
from generate_series(1, 5) as n, generate_series(1, n);
create function pg_temp.ranking() returns setof text language sql as $$
  select concat_ws(' ', t.package_id, t.package_name, t.execution_count, t.success_rate, t.status_breakdown,
    t.average_duration_ms, t.request_count, trim_scale(t.total_cost_usd))
  from public.top_packages(tests.id_of('acme'), now() - interval '1 hour', now() + interval '1 second') as t
$$;

select tests.act_as('ada');
select results_eq('select pg_temp.ranking()', $$ values
    ('cheap Name 4 4 33.33 {"failed": 1, "running": 1, "success": 1, "timeout": 1} 250.0 10 0.04'),
    ('dear Name 5 1 100.00 {"success": 1} 500.0 5 0.03') $$,
  'dearest first, under the latest name, with how runs ended');
select tests.act_as_owner();
select tally.tick();
select results_eq('select pg_temp.ranking()', $$ values
    ('cheap Name 4 4 33.33 {"failed": 1, "running": 1, "success": 1, "timeout": 1} 250.0 10 0.04'),
    ('dear Name 5 1 100.00 {"success": 1} 500.0 5 0.03') $$,
  'folding changes nothing');

select public.log_execution(jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tests.id_of('run3'), 'status', 'success'));
select is(
  (select s.status_breakdown from public.execution_statistics(tests.id_of('acme'), now() - interval '1 hour', now() + interval '1 second') as s),
  '{"failed": 1, "success": 3, "timeout": 1}', 'a run that has ended is counted as it ended');
select tally.tick();
select is(
  (select array[s.execution_count, s.successful_count, s.failed_count, s.unfinished_count, s.request_count]
   from public.execution_statistics(tests.id_of('acme'), now() - interval '1 hour', now() + interval '1 second') as s),
  array[5, 3, 2, 0, 15]::bigint[], 'once, folded or not');

select * from finish();
rollback;
