-- Holds priced at the base rate let four of five long calls pass and spent 0.60 of 0.45.
begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 0.5, "output": 1}');
select public.set_price('lab', 'echo', '{"input": 1, "output": 2}', context_from => 200001,
  valid_from => now() - interval '1 day');
select public.set_quota(tests.id_of('acme'), 'monthly', 0.65);

select is(
  array(
    select (tests.reserve('acme', '{"input_tokens": 300000, "max_output_tokens": 0}') ->> 'allowed')::boolean
    from generate_series(1, 5)),
  array[true, true, false, false, false], 'https://github.com/BerriAI/litellm/pull/40002');
select is(tests.standing('acme'), '0 used, 0.6 held, 0.05 left', 'two calls of 0.30 fit into 0.65');

select * from finish();
rollback;
