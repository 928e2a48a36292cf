begin;
select plan(3);

select tests.create_organization('acme');
select public.import_usage(jsonb_build_array(tests.event_of('acme'),
  tests.event_of('acme', '{"created_at": "1999-12-31T23:59:59Z"}'),
  tests.event_of('acme', '{"created_at": "1965-05-05T00:00:00Z"}'),
  tests.event_of('acme', '{"created_at": "2000-01-01T00:00:00Z"}'))) as answer \gset

select is(:'answer'::jsonb ->> 'recorded', '2', 'an import takes what reports can show');
select is(jsonb_path_query_array(:'answer', '$.rejected[*].message'),
  '["created_at is before the year 2000.", "created_at is before the year 2000."]', 'and names what is older');
update tally.settings set event_late_limit = '100 years';
select is(tests.complaint_about(tests.event_of('acme', '{"created_at": "1965-05-05T00:00:00Z"}')),
  'PT400 created_at', 'as it is for single events');

select * from finish();
rollback;
