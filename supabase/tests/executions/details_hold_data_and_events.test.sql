begin;
select plan(5);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada');
select tests.create_model('echo');
select public.log_execution(jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tests.id_of('run'),
  'package_name', 'resolver', 'input_data', '{"ticket": 7}'::jsonb, 'output_data', '"solved"'::jsonb));
-- The first half is folded, the second is not; another run goes on meanwhile.
select tests.track('acme', jsonb_build_object('execution_id', tests.id_of(case n % 2 when 0 then 'run' else 'other' end),
  'input_tokens', n, 'created_at', now() - (10 - n) * interval '1 minute')) from generate_series(1, 4) as n;
select tally.tick();
select tests.track('acme', jsonb_build_object('execution_id', tests.id_of('run'), 'input_tokens', n,
  'created_at', now() - (10 - n) * interval '1 minute')) from generate_series(6, 8, 2) as n;

select tests.act_as('ada');
create temporary table details as select public.execution_details(tests.id_of('run')) as run;
select is((select run -> 'input_data' ->> 'ticket' from details), '7', 'what went in');
select is((select run ->> 'output_data' from details), 'solved', 'what came out');
select is(
  (select array_agg((e ->> 'input_tokens')::integer order by place)
   from details, jsonb_array_elements(run -> 'events') with ordinality as j (e, place)),
  array[2, 4, 6, 8], 'its events, in their order, and no others');
select is(
  (select (run ->> 'total_cost_usd')::numeric from details),
  (select sum((e ->> 'cost_usd')::numeric) from details, jsonb_array_elements(run -> 'events') as e),
  'their costs add up to its cost');
select is(
  jsonb_array_length(public.execution_details(tests.id_of('run'), 1) -> 'events'), 1, 'as many as are asked for');

select * from finish();
rollback;
