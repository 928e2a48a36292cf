-- Events of one customer in one batch collided and were deducted once.
begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10, 'requests');

select is(
  public.track_usage_batch((select jsonb_agg(tests.event_of('acme')) from generate_series(1, 5))) -> 'recorded', '5',
  'https://github.com/useautumn/autumn/pull/2552');
select is(tests.standing('acme'), '5 used, 0 held, 5 left', 'five calls');

select * from finish();
rollback;
