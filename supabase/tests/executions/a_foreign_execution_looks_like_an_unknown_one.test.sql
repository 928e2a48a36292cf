begin;
select plan(5);

select tests.create_organization('acme');
select tests.create_organization('zeta');
select tests.create_member('acme', 'ada', 'owner');
select public.log_execution(jsonb_build_object('organization_id', tests.id_of('zeta'), 'id', tests.id_of('run'),
  'package_name', 'resolver'));

select tests.act_as('ada');
select is_empty('select from public.executions', 'not in the table');
select is_empty('select from public.execution_summary', 'not in the list');
select is(
  tests.error_of('select public.execution_details(tests.id_of(''run''))') ->> 'code',
  tests.error_of('select public.execution_details(tests.id_of(''nothing''))') ->> 'code', 'one answer to its details');
select is(
  tests.error_of('select public.delete_execution(tests.id_of(''run''))') ->> 'code',
  tests.error_of('select public.delete_execution(tests.id_of(''nothing''))') ->> 'code', 'one answer to its deletion');
select tests.act_as_owner();
select public.log_execution(jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tests.id_of('run'),
  'package_name', 'another'));
select is((select count(*) from public.executions), 2::bigint, 'two organizations may use one id');

select * from finish();
rollback;
