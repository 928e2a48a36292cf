begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');

select is(
  tests.track('acme', '{"classes": {"input": 999, "input_audio": 1, "output": 100}}') ->> 'cost_usd',
  null, 'one such token is enough');
select is(
  (tests.track('acme', '{"classes": {"input": 1000, "input_audio": 0, "output": 100}}') ->> 'cost_usd')::numeric,
  0.002, 'none of them is no reason');

select * from finish();
rollback;
