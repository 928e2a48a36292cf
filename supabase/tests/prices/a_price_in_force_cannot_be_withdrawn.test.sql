begin;
select plan(2);

select is(
  tests.codes_of(format('select public.withdraw_price(%s)', tests.create_model('echo'))),
  array['PT409'], 'events may have been priced by it');
select is(tests.codes_of('select public.withdraw_price(-1)'), array['PT404'], 'an unknown one is not found');

select * from finish();
rollback;
