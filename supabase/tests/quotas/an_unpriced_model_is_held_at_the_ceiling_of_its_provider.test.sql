begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 10}');
select tests.create_model('grand', '{"input": 5, "output": 50}');
select public.set_quota(tests.id_of('acme'), 'monthly', 10, unpriced_policy => 'ceiling');

select tests.hold('acme', '{"model": "unheard-of", "input_tokens": 1000000, "max_output_tokens": 100000}');

select is(tests.standing('acme'), '0 used, 10 held, 0 left', 'at its dearest model');
select is(tests.reserve('acme', '{"model": "unheard-of", "input_tokens": 1, "max_output_tokens": 0}') -> 'allowed',
  'false', 'and no further');
select is(
  tests.reserve('acme', '{"provider": "nobody", "model": "x", "input_tokens": 1, "max_output_tokens": 0}') -> 'allowed',
  'false', 'a provider without any price has no ceiling');

select * from finish();
rollback;
