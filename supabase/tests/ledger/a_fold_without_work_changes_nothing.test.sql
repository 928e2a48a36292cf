begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'total', 10);
select tests.track('acme');
select tally.fold(tests.id_of('acme'));
create temporary table before as select xmin::text as version, current_usage from public.usage_quotas;

select is(tally.fold(tests.id_of('acme')), 0, 'nothing is left to fold');
select results_eq('select xmin::text, current_usage from public.usage_quotas',
  'table before', 'no row was written');

select * from finish();
rollback;
