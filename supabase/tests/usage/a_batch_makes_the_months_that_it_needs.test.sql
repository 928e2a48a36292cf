begin;
select plan(3);

select tests.create_organization('acme');

select is(
  public.import_usage((
    select jsonb_agg(tests.event_of('acme', jsonb_build_object('created_at', t)))
    from generate_series(timestamptz '2019-01-15', '2019-06-15', interval '5 days') as t
  )) ->> 'recorded',
  '31', 'an import of old events');
select is(
  public.track_usage_batch(jsonb_build_array(tests.event_of('acme'),
    tests.event_of('acme', '{"created_at": "2018-01-15T00:00:00Z"}'))) ->> 'recorded',
  '1', 'an event that is too late is rejected');
select is(
  array(select relname::text from pg_class where relname ~ '^token_usage_201[89]_\d\d$' order by 1),
  array(select 'token_usage_2019_0' || n from generate_series(1, 6) as n), 'and makes no month');

select * from finish();
rollback;
