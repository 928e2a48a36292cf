begin;
select plan(2);

select is(public.release_hold(tests.id_of('nothing')) ->> 'state', 'released', 'it keeps nothing');
select is(tests.codes_of('select public.release_hold(null)', 'select public.extend_hold(null, 1)',
  format('select public.extend_hold(%L, 1)', tests.id_of('nothing'))), array['PT400', 'PT400', 'PT404'],
  'without an id there is nothing to release or extend');

select * from finish();
rollback;
