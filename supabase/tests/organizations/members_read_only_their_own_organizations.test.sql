begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_member('acme', 'ada', 'owner');
select tests.create_member('globex', 'gus');

select tests.act_as('ada');

select results_eq('select name from public.organizations', array['acme'], 'their organization');
select results_eq('select user_id from public.organization_members', array[tests.id_of('ada')],
  'and who belongs to it');

select tests.act_as('eve');
select is_empty('select from public.organizations', 'who belongs to none reads none');

select * from finish();
rollback;
