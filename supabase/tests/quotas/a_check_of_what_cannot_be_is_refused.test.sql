begin;
select plan(1);

select tests.create_organization('acme');

select is(
  tests.codes_of(
    format('select public.check_quota(%L, ''lab'', ''echo'', -1)', tests.id_of('acme')),
    format('select public.check_quota(%L, ''lab'', ''echo'', ''NaN'')', tests.id_of('acme')),
    format('select public.check_quota(%L, ''lab'', ''echo'', 1, -1)', tests.id_of('acme'))),
  array['PT400', 'PT400', 'PT400'], 'negative, no number, negative tokens');

select * from finish();
rollback;
