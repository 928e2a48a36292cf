begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'owner');
select tests.create_model('echo') as card \gset

select tests.act_as('ada');

select is(
  tests.codes_of(
    $$ select public.set_price('lab', 'echo', '{"input": 0}') $$,
    format('select public.withdraw_price(%s)', :'card')),
  array['PT403', 'PT403'], 'an owner of an organization does not');
select is(
  tests.codes_of(format(
    'select public.set_price(''lab'', ''echo'', ''{"input": 0}'', organization_id => %L)', tests.id_of('acme'))),
  array['PT403'], 'not even for the own organization');
select tests.act_as_anonymous();
select is(tests.codes_of($$ select public.set_price('lab', 'echo', '{"input": 0}') $$), array['42501'],
  'nor who is not signed in');

select * from finish();
rollback;
