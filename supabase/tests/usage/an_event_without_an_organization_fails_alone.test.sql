begin;
select plan(2);

select tests.create_organization('acme');
select public.track_usage_batch(jsonb_build_array(
  tests.event_of('acme'), tests.event_of('acme') - 'organization_id')) as answer \gset

select is(:'answer'::jsonb ->> 'recorded', '1', 'the other event lands');
select is(:'answer'::jsonb -> 'rejected',
  '[{"code": "PT400", "field": "organization_id", "index": 1, "message": "organization_id is missing."}]',
  'and this one is named');

select * from finish();
rollback;
