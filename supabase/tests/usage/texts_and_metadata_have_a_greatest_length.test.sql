begin;
select plan(3);

select tests.create_organization('acme');

select alike(
  tests.complaint_about(tests.event_of('acme', jsonb_build_object(f, repeat('x', 257)))), 'PT400 %' || f || '%', f)
from unnest(array['model']) as f;
select is(tests.complaint_about(tests.event_of('acme', jsonb_build_object('idempotency_key', repeat('x', 256)))),
  'PT400 idempotency_key', 'idempotency_key');
select is(
  tests.complaint_about(tests.event_of('acme',
    jsonb_build_object('request_metadata', jsonb_build_object('a', repeat('x', 16384))))),
  'PT400 request_metadata', 'request_metadata');

select * from finish();
rollback;
