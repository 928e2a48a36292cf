begin;
select plan(1);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'total', 1000) as quota \gset
select tests.hold('acme', '{"estimated_cost": 4}');

delete from public.usage_holds;

select results_eq('select * from public.verify_ledger()',
  format('values (''reserved of a quota is the sum of its open holds'', %L::uuid, ''quota %s'',
    0::numeric, 4::numeric)',
    tests.id_of('acme'), :'quota'), 'as held by nobody');

select * from finish();
rollback;
