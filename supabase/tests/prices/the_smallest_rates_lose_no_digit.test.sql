begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 0.000000001, "output": 123456789.123456789}');

select is((tests.track('acme', '{"input_tokens": 1, "output_tokens": 0}') ->> 'cost_usd')::numeric,
  0.000000000000001, 'one token of a nano-dollar per million');
select is((tests.track('acme', '{"input_tokens": 3, "output_tokens": 7}') ->> 'cost_usd')::numeric,
  864.197523864197526, 'and sums are exact');

select * from finish();
rollback;
