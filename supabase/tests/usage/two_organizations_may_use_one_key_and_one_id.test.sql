begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tally.uuid_v7(now()) as id \gset

select tests.track(o, jsonb_build_object('id', :'id', 'idempotency_key', 'k'))
from unnest(array['acme', 'globex']) as o;

select is((select count(*) from public.token_usage), 2::bigint, 'each has its event');
select is(
  public.track_usage_batch(jsonb_build_array(
    tests.event_of('acme', jsonb_build_object('id', :'id', 'idempotency_key', 'k')),
    tests.event_of('globex', jsonb_build_object('id', :'id', 'idempotency_key', 'k')))) ->> 'duplicates',
  '2', 'and its replay');

select * from finish();
rollback;
