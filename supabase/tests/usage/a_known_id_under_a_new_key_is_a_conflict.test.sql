-- And leaves the key free for the event that it belongs to.
begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select tally.uuid_v7(now()) as id \gset
select tests.track('acme', jsonb_build_object('id', :'id'));

select is(
  tests.codes_of(format('select tests.track(''acme'', %L)', jsonb_build_object('id', :'id', 'idempotency_key', 'k'))),
  array['PT409'], 'alone');
select is(
  public.track_usage_batch(jsonb_build_array(tests.event_of('acme',
    jsonb_build_object('id', :'id', 'idempotency_key', 'k')))) #>> '{rejected,0,code}',
  'PT409', 'in a batch');
select is(tests.track('acme', '{"idempotency_key": "k"}') ->> 'status', 'recorded', 'the key was not burnt');

select * from finish();
rollback;
