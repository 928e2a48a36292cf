begin;
select plan(5);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.track('acme', jsonb_build_object('tool_name', case when n % 3 > 0 then 'tool ' || n % 3 end, 'input_tokens', n,
  'status', case when n % 4 = 0 then 'failed' else 'success' end)) from generate_series(1, 12) as n;
create function pg_temp.breakdown(dimension text, filters jsonb default '{}') returns text language sql as $$
  select string_agg(format('%s: %s', coalesce(b.dimension, '-'), b.total_input_tokens), ', ' order by b.total_input_tokens desc)
  from public.usage_breakdown(tests.id_of('acme'), now() - interval '1 hour', now() + interval '1 hour', filters,
    dimension => breakdown.dimension) as b
$$;

select is(pg_temp.breakdown('tool_name'), '-: 30, tool 2: 26, tool 1: 22', 'events without a tool are there');
select is(pg_temp.breakdown('tool_name', '{"status": "failed"}'), '-: 12, tool 2: 8, tool 1: 4', 'a filter');
select is(pg_temp.breakdown('status', '{"tool_name": ["tool 1", null]}'), 'success: 36, failed: 16', 'a filter of many values, none among them');
select is(
  (select sum(b.percent_of_cost) from public.usage_breakdown(tests.id_of('acme'), now() - interval '1 hour', now() + interval '1 hour', dimension => 'status') as b),
  100.00, 'shares add up');
select is(
  (select b.dimension from public.usage_breakdown(tests.id_of('acme'), now() - interval '1 hour', now() + interval '1 hour', dimension => 'status', max_rows => 1) as b),
  'success', 'the dearest come first');

select * from finish();
rollback;
