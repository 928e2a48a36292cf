begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo');

select is((tests.track('acme', '{"input_tokens": 0, "output_tokens": 0}') ->> 'cost_usd')::numeric,
  0::numeric, 'zero is an answer');

select * from finish();
rollback;
