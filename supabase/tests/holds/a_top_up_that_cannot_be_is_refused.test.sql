begin;
select plan(1);

select tests.create_organization('acme');
select tests.hold('acme') as hold \gset

select is(
  tests.codes_of(
    format('select public.extend_hold(%L, 1, ''{"estimated_cost": -1}'')', :'hold'),
    format('select public.extend_hold(%L, 1, ''{"bogus": 1}'')', :'hold'),
    format('select public.extend_hold(%L, 1, ''{}'')', :'hold'),
    format('select public.extend_hold(%L, 1, ''5'')', :'hold'),
    format('select public.extend_hold(%L, 1, ''{"units": 1}'')', :'hold')),
  array_fill('PT400'::text, array[5]), 'negative, unknown, empty, no object, units without a type');

select * from finish();
rollback;
