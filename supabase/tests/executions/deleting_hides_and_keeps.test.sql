begin;
select plan(8);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'admin');
select tests.create_member('acme', 'ben');
select public.log_execution(jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tests.id_of('run'),
  'package_name', 'resolver', 'input_data', '1'::jsonb));

select tests.act_as('ben');
select is(
  tests.error_of('select public.delete_execution(tests.id_of(''run''))') ->> 'code', 'PT403', 'members do not delete');
select tests.act_as('ada');
select is(
  (public.delete_execution(tests.id_of('run')) ->> 'deleted_by')::uuid, tests.id_of('ada'), 'admins do');
select tests.act_as('ben');
select is_empty('select from public.executions', 'it is not in the table that members see');
select is_empty('select from public.execution_summary', 'nor in the list');
select is(
  tests.error_of('select public.execution_details(tests.id_of(''run''))') ->> 'code', 'PT404', 'nor are its details');
select is(
  (select execution_count from public.top_packages(tests.id_of('acme'), now() - interval '1 hour', now() + interval '1 second')),
  1::bigint, 'statistics still count it');

select tests.act_as_service();
select public.delete_execution(tests.id_of('run'));
select tests.act_as_owner();
select is(
  (select array[deleted_by::text, deleted_as, input_data::text] from public.executions),
  array[tests.id_of('ada')::text, 'authenticated', '1'], 'who deleted it first is kept, and so is it');
select public.log_execution(jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tests.id_of('run'),
  'output_data', '2'::jsonb));
select isnt(
  (select deleted_at from public.executions where output_data = '2'), null, 'a run that ends afterwards is recorded, still hidden');

select * from finish();
rollback;
