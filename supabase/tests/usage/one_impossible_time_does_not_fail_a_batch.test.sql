begin;
select plan(1);

select tests.create_organization('acme');

select is(
  public.track_usage_batch(jsonb_build_array(tests.event_of('acme'),
    tests.event_of('acme', '{"created_at": "infinity"}'))) ->> 'recorded',
  '1', 'the other event lands');

select * from finish();
rollback;
