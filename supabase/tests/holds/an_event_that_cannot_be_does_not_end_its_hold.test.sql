begin;
select plan(2);

select tests.create_organization('acme');
select tests.hold('acme') as hold \gset

select is(
  tests.codes_of(
    format('select public.settle_usage(%L, ''{"input_tokens": -1}'')', :'hold'),
    format('select public.settle_usage(%L, ''[]'')', :'hold'),
    format('select public.settle_usage(%L, null)', :'hold'),
    format('select public.settle_usage(%L, ''{}'')', :'hold')),
  array_fill('PT400'::text, array[4]), 'negative, a list, nothing, no use');
select is((select state from public.usage_holds), 'open', 'it can still be settled');

select * from finish();
rollback;
