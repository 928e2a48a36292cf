begin;
select plan(1);

select is(
  tests.codes_of(format(
    'select public.set_price(''lab'', ''echo'', ''{"input": 1}'', organization_id => %L)',
    tests.id_of('nowhere'))),
  array['PT404'], 'it is named as missing');

select * from finish();
rollback;
