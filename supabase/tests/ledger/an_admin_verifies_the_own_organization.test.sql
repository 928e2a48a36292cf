begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_member('acme', 'ada', 'admin');
select tests.create_member('acme', 'bob');
select public.set_quota(tests.id_of(o), 'total', 10) from unnest(array['acme', 'globex']) as o;
update public.usage_quotas set current_usage = 1;

select tests.act_as('ada');
select results_eq(format('select violating_organization_id from public.verify_ledger(%L)', tests.id_of('acme')),
  array[tests.id_of('acme')], 'and no other');
select is(tests.codes_of('select public.verify_ledger()'), array['PT403'], 'nor all of them');
select tests.act_as('bob');
select is(tests.codes_of(format('select public.verify_ledger(%L)', tests.id_of('acme'))), array['PT403'],
  'a member does not');

select * from finish();
rollback;
