begin;
select plan(5);

select tests.create_organization('acme');
select tests.create_model('echo');
create function pg_temp.sums() returns text language sql as $$
  select concat_ws(' ', request_count, total_input_tokens, total_output_tokens, trim_scale(total_cost_usd), unpriced_count)
  from public.execution_summary
$$;
select tests.track('acme', jsonb_build_object('execution_id', tests.id_of('run')));
select public.log_execution(jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tests.id_of('run'),
  'package_name', 'resolver', 'status', 'running'));
select tests.track('acme', jsonb_build_object('execution_id', tests.id_of('run'), 'model', 'mute'));
select tests.track('acme', jsonb_build_object('execution_id', tests.id_of('another run')));

select is(pg_temp.sums(), '2 2000 200 0.002 1', 'of events before and after the run was logged');
select tally.tick();
select is(pg_temp.sums(), '2 2000 200 0.002 1', 'folding changes nothing');

select tests.create_model('mute');
select public.rerate_usage('{}', 'priced late');
select is(pg_temp.sums(), '2 2000 200 0.004 0', 'a price that comes late counts');
select tally.tick();
select is(pg_temp.sums(), '2 2000 200 0.004 0', 'folded or not');
select is(
  public.log_execution(jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tests.id_of('run'),
    'status', 'success')) -> 'total_cost_usd',
  '0.004', 'the answer to the end of a run says what it cost');

select * from finish();
rollback;
