begin;
select plan(3);

select tests.create_model('echo');

select is(
  tests.codes_of(
    $$ select public.estimate_cost('lab', 'unheard-of', 1, 1) $$,
    $$ select public.estimate_cost('nobody', 'echo', 1, 1) $$,
    $$ select public.estimate_cost('lab', 'echo', 1, 1, '{"input_audio": 1}') $$,
    $$ select public.estimate_cost('lab', 'echo', 1, 1, at => '2001-01-01') $$),
  array_fill('PT422'::text, array[4]), 'model, provider, class, time');
select is(
  tests.codes_of(
    $$ select public.estimate_cost('lab', 'echo', -1, 1) $$,
    $$ select public.estimate_cost('lab', 'echo', 1, 1, '{"input": -1}') $$,
    $$ select public.estimate_cost('lab', 'echo', 1, 1, '{"input": 1.5}') $$,
    $$ select public.estimate_cost('lab', 'echo', 1, 1, '{"input": "1"}') $$,
    $$ select public.estimate_cost('lab', 'echo', 1, 1, '{"bogus": 1}') $$,
    $$ select public.estimate_cost('lab', 'echo', 1, 1, '[]') $$),
  array_fill('PT400'::text, array[6]), 'impossible quantities');
select matches(tests.error_of($$ select public.estimate_cost('lab', 'unheard-of', 1, 1) $$) ->> 'message',
  'unheard-of', 'the model is named');

select * from finish();
rollback;
