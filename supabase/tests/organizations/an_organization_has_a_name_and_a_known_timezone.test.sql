begin;
select plan(3);

select is(tests.error_of($$ insert into public.organizations (name) values (' ') $$) ->> 'constraint',
  'name_is_not_blank', 'a blank name is refused');
select is(tests.codes_of(
    $$ insert into public.organizations (name, timezone) values ('acme', 'Mars/Olympus') $$),
  array['22023'], 'an unknown timezone is refused');
select is(
  tests.error_of(format(
    'insert into public.organization_members values (%L, gen_random_uuid(), ''king'')',
    tests.create_organization('acme'))) ->> 'constraint',
  'role_is_known', 'and an unknown role');

select * from finish();
rollback;
