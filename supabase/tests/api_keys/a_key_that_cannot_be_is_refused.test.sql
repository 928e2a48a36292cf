begin;
select plan(1);

select tests.create_organization('acme');

select is(
  tests.codes_of(
    format('select public.create_api_key(%L, '' '')', tests.id_of('acme')),
    format('select public.create_api_key(%L, ''k'', array[''root''])', tests.id_of('acme')),
    format('select public.create_api_key(%L, ''k'', ''{}'')', tests.id_of('acme')),
    format('select public.create_api_key(%L, ''k'', null, now())', tests.id_of('acme'))),
  array['PT400', 'PT400', 'PT400', 'PT400'],
  'without a name, with an unknown scope, with none, already expired');

select * from finish();
rollback;
