begin;
select plan(4);

select tests.create_organization('acme');
select tally.uuid_v7('2026-11-01 10:00:00.123Z') as id \gset

select is(
  tests.complaint_about(tests.event_of('acme',
    jsonb_build_object('id', :'id', 'created_at', '2026-11-01 10:00:00.124Z'))),
  'PT400 created_at', 'a time beside it must agree');
select is(tests.complaint_about(tests.event_of('acme', jsonb_build_object('id', gen_random_uuid()))),
  'PT400 id', 'an id without a time is refused');
select is(tests.complaint_about(tests.event_of('acme', '{"id": "seven"}')), 'PT400 id', 'and what is no id');
select tally.uuid_v7(now() - interval '3 days') as id \gset
select tests.track('acme', jsonb_build_object('id', :'id'));
select results_eq('select created_at from public.token_usage', array[tally.uuid_time(:'id')],
  'an id alone says when it happened');

select * from finish();
rollback;
