begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'owner');

select tests.act_as('ada');

select is(tests.codes_of('select tally.tick()', format('select tally.fold(%L)', tests.id_of('acme'))),
  array['42501', '42501'], 'its functions are not for members');

select * from finish();
rollback;
