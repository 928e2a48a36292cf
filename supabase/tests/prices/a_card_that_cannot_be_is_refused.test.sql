begin;
select plan(1);

select is(
  tests.codes_of(
    $$ select public.set_price('lab', 'echo', '{"input": -1}') $$,
    $$ select public.set_price('lab', 'echo', '{"inputs": 1}') $$,
    $$ select public.set_price('lab', 'echo', '{"input": "1"}') $$,
    $$ select public.set_price('lab', 'echo', '{"input": null}') $$,
    $$ select public.set_price('lab', 'echo', '{}') $$,
    $$ select public.set_price('lab', 'echo', '[]') $$,
    $$ select public.set_price('lab', 'echo', null) $$,
    $$ select public.set_price('', 'echo', '{"input": 1}') $$,
    $$ select public.set_price('lab', null, '{"input": 1}') $$,
    $$ select public.set_price('lab', 'echo', '{"input": 1}', service_tier => null) $$,
    $$ select public.set_price('lab', 'echo', '{"input": 1}', context_from => -1) $$
  ),
  array_fill('PT400'::text, array[11]),
  'negative, unknown class, text, null, nothing, a list, no rates, no provider, no model, no tier, a negative band');

select * from finish();
rollback;
