begin;
select plan(2);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'total', 100);
select public.set_quota(tests.id_of('acme'), 'total', 8, scope => '{"provider": "lab"}') as tight \gset
select tests.hold('acme', '{"estimated_cost": 6}');

select results_eq(
  format('select * from public.check_quota(%L, ''lab'', ''echo'', 2)', tests.id_of('acme')),
  format($$
    values (true, 8::numeric, 0::numeric, 6::numeric, 2::numeric, 'total', 'cost_usd', null::timestamptz, %L::uuid)
  $$, :'tight'),
  'the row of the contract');
select is((select allowed from public.check_quota(tests.id_of('acme'), 'lab', 'echo', 2.01)), false,
  'a cent more would be refused');

select * from finish();
rollback;
