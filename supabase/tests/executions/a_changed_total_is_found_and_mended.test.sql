begin;
select plan(9);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 10}');
select public.log_execution(jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tests.id_of('run' || n),
  'package_name', 'agent', 'created_at', now() - n * interval '1 day'))
from generate_series(1, 3) as n;
select tests.track('acme', jsonb_build_object('execution_id', tests.id_of('run' || n), 'created_at', now() - n * interval '1 day'))
from generate_series(1, 3) as n;
-- The second used something more, days after it was asked for.
select tests.track('acme', jsonb_build_object('execution_id', tests.id_of('run2')));
select tally.tick();
create temp table healthy on commit drop as
select t as total from tally.execution_totals as t;
create temp table healthy_packages on commit drop as select * from tally.package_rollups;
create function pg_temp.differences() returns table (rollup text, subject text, measure text, expected numeric, actual numeric)
language sql as $$ select v.rollup, v.subject, v.measure, v.expected, v.actual from public.verify_rollup() as v $$;

update tally.execution_totals set cost_usd = cost_usd + 1, counted_status = 'failed' where execution_id = tests.id_of('run1');
delete from tally.execution_totals where execution_id = tests.id_of('run2');
select set_has('select * from pg_temp.differences()', format($$ values
    ('executions', 'execution %s', 'cost_usd', 0.002, 1.002), ('executions', 'execution %1$s', 'counted', 1, 0) $$,
  tests.id_of('run1')), 'a changed total is named');
select set_has('select * from pg_temp.differences()', format($$ values
    ('executions', 'execution %s', 'request_count', 2.0, 0.0) $$, tests.id_of('run2')), 'and so is a lost one');
select is((select count(*)::integer from pg_temp.differences() where rollup <> 'executions'), 0,
  'the packages have what their executions really used');
select is(public.repair_rollup(), 2, 'two days are made again');
select is_empty('select * from pg_temp.differences()', 'as the events say');
select set_eq('select t from tally.execution_totals as t', 'select total from healthy', 'the totals are what they were');

update tally.package_rollups set request_count = request_count + 5 where minutes = 1440;
delete from tally.package_rollups where minutes = 15;
select set_has('select rollup, measure, expected, actual from pg_temp.differences()', $$ values
    ('packages by day', 'request_count', 2.0, 7.0), ('packages by 15 minutes', 'execution_count', 1, 0) $$,
  'a changed and a lost rollup of packages are named');
select is(public.repair_rollup(), 3, 'three days are made again');
select set_eq('select * from tally.package_rollups', 'select * from healthy_packages', 'the packages are what they were');

select * from finish();
rollback;
