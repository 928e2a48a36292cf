begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
select tally.uuid_v7(now()) as id \gset

select public.track_usage_batch(jsonb_build_array(
  tests.event_of('acme', '{"idempotency_key": "k"}'), tests.event_of('acme', '{"idempotency_key": "k"}'),
  tests.event_of('acme', jsonb_build_object('id', :'id')), tests.event_of('acme', jsonb_build_object('id', :'id')),
  tests.event_of('acme', '{"idempotency_key": "k", "input_tokens": 7}'))) as answer \gset

select is(:'answer'::jsonb ->> 'recorded', '2', 'one by key, one by id');
select is(:'answer'::jsonb ->> 'duplicates', '2', 'their twins are duplicates');
select is(:'answer'::jsonb #>> '{rejected,0,code}', 'PT409', 'another body under the key is a conflict');
select is((select count(*) from public.token_usage), 2::bigint, 'two rows');

select * from finish();
rollback;
