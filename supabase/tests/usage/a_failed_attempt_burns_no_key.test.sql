begin;
select plan(1);

select tests.create_organization('acme');
select tests.error_of('select tests.track(''acme'', ''{"idempotency_key": "k", "input_tokens": -1}'')');

select is(tests.track('acme', '{"idempotency_key": "k"}') ->> 'status', 'recorded', 'the retry counts');

select * from finish();
rollback;
