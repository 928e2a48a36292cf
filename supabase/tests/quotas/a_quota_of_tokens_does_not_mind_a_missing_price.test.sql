begin;
select plan(1);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 100, 'total_tokens');

select is(tests.reserve('acme', '{"model": "unheard-of", "input_tokens": 10, "max_output_tokens": 10}') -> 'allowed',
  'true', 'it counts tokens');

select * from finish();
rollback;
