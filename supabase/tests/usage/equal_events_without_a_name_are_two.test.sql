begin;
select plan(1);

select tests.create_organization('acme');

select is(
  public.track_usage_batch(jsonb_build_array(tests.event_of('acme'), tests.event_of('acme'))) ->> 'recorded',
  '2', 'nobody said that they are one');

select * from finish();
rollback;
