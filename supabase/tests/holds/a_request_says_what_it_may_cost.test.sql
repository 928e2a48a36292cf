begin;
select plan(1);

select tests.create_organization('acme');

select is(
  tests.codes_of(
    'select tests.reserve(''acme'', ''{}'')',
    'select tests.reserve(''acme'', ''{"input_tokens": 5}'')',
    'select tests.reserve(''acme'', ''{"max_output_tokens": 5}'')',
    'select tests.reserve(''acme'', ''{"estimated_tokens": 5}'')',
    'select public.reserve_usage(''[]'')', 'select public.reserve_usage(''5'')', 'select public.reserve_usage(null)'),
  array_fill('PT400'::text, array[7]), 'a cost, tokens in and out, or units; and is an object');

select * from finish();
rollback;
