begin;
select plan(4);

select tests.create_organization('acme');
create temporary table answers as
select n, public.log_execution(jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tests.id_of('run'),
  'package_id', 'ticket-resolver', 'package_name', 'Ticket Resolver', 'status', 'success', 'duration_ms', 2500,
  'input_data', '{"ticket": null}'::jsonb, 'output_data', '{"resolution": "done"}'::jsonb)) as answer
from generate_series(1, 3) as n;

select is((select count(*) from public.executions), 1::bigint, 'three calls, one execution');
select is((select count(distinct answer) from answers), 1::bigint, 'a repeated call has the first answer');
select is((select answer ->> 'status' from answers where n = 3), 'success', 'which says what became of it');
select is(
  (select array[package_name, duration_ms::text, input_data::text] from public.executions),
  array['Ticket Resolver', '2500', '{"ticket": null}'],
  'what was told is kept');

select * from finish();
rollback;
