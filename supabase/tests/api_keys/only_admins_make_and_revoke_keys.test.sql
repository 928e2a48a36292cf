begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_member('acme', 'ada', 'admin');
select tests.create_member('acme', 'bob');
select tests.create_member('globex', 'gus', 'owner');
select public.create_api_key(tests.id_of('acme'), 'key') ->> 'id' as key \gset

select tests.act_as('bob');
select is(
  tests.codes_of(format('select public.create_api_key(%L, ''k'')', tests.id_of('acme')),
    format('select public.revoke_api_key(%L)', :'key')),
  array['PT403', 'PT403'], 'a member may not');
select tests.act_as('gus');
select is(
  tests.codes_of(format('select public.create_api_key(%L, ''k'')', tests.id_of('acme')),
    format('select public.revoke_api_key(%L)', :'key')),
  array['PT403', 'PT403'], 'nor an owner of another organization');
select tests.act_as_anonymous();
select is(
  tests.codes_of(format('select public.create_api_key(%L, ''k'')', tests.id_of('acme')),
    format('select public.revoke_api_key(%L)', :'key')),
  array['42501', '42501'], 'nor who is not signed in');
select tests.act_as('ada');
select is(
  tests.codes_of(format('select public.create_api_key(%L, ''k'')', tests.id_of('acme')),
    format('select public.revoke_api_key(%L)', :'key')),
  array['ok', 'ok'], 'an admin may');

select * from finish();
rollback;
