begin;
select plan(1);

select is(
  tests.codes_of(
    'select public.track_usage(''5'')', 'select public.track_usage(''"x"'')',
    'select public.track_usage(''[]'')', 'select public.track_usage(''null'')',
    'select public.track_usage(null)'),
  array_fill('PT400'::text, array[5]), 'a number, a text, a list, null, nothing');

select * from finish();
rollback;
