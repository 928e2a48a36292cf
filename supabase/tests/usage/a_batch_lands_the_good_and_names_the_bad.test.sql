begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');

select public.track_usage_batch(jsonb_build_array(tests.event_of('acme'),
  tests.event_of('acme', '{"input_tokens": -1}'), tests.event_of('acme', '{"input_tokens": "x"}'), 5,
  tests.event_of('nowhere'), tests.event_of('acme'))) as answer \gset

select is(:'answer'::jsonb ->> 'recorded', '2', 'two are recorded');
select is(
  jsonb_path_query_array(:'answer', '$.rejected[*].index'), '[1, 2, 3, 4]', 'four are named by their index');
select is(
  jsonb_path_query_array(:'answer', '$.rejected[*].field'),
  '["input_tokens", "input_tokens", null, "organization_id"]', 'and by their field');

select * from finish();
rollback;
