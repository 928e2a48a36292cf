begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada');
select tests.create_model('echo');
select tests.track('acme');
delete from public.organization_members where user_id = tests.id_of('ada');

select tests.act_as('ada');

select is_empty('select from public.token_usage', 'its usage is no longer shown');
select is(tests.codes_of(format('select public.quota_status(%L)', tests.id_of('acme'))),
  array['PT403'], 'its functions answer no more');

select * from finish();
rollback;
