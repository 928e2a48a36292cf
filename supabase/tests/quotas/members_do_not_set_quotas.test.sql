begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_member('acme', 'bob');
select public.set_quota(tests.id_of('acme'), 'monthly', 10) as quota \gset

select tests.act_as('bob');

select is(
  tests.codes_of(format('select public.set_quota(%L, ''monthly'', 1)', tests.id_of('acme')),
    format('select public.remove_quota(%L)', :'quota')),
  array['PT403', 'PT403'], 'neither set nor remove');
select is(tests.codes_of(format('select public.quota_status(%L)', tests.id_of('acme'))), array['ok'], 'they see them');

select * from finish();
rollback;
