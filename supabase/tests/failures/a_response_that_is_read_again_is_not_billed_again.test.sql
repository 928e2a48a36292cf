begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_organization('rival');
select tests.create_model('echo');
select tests.track('acme', '{"idempotency_key": "resp_1"}') ->> 'id' as id \gset

select is(
  tests.track('acme', '{"idempotency_key": "resp_1"}'),
  tests.track('acme', '{"idempotency_key": "resp_1"}') || jsonb_build_object('id', :'id', 'status', 'duplicate'),
  'https://github.com/BerriAI/litellm/issues/17814, https://github.com/BerriAI/litellm/issues/15740');
select is(
  tests.error_of($$ select tests.track('acme', '{"idempotency_key": "resp_1", "input_tokens": 7}') $$) ->> 'code', 'PT409',
  'https://github.com/flexprice/flexprice/issues/612: another use under the key is a conflict');
select is(tests.track('rival', '{"idempotency_key": "resp_1"}') ->> 'status', 'recorded', 'another organization may have the key');

select * from finish();
rollback;
