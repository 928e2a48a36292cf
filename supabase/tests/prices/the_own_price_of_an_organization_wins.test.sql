begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_model('echo', '{"input": 4, "output": 4}');

select public.set_price('lab', 'echo', '{"input": 3, "output": 4}', organization_id => tests.id_of('acme'),
  valid_from => now() - interval '1 hour');

select is((tests.track('acme') ->> 'cost_usd')::numeric, 0.0034, 'for the one that negotiated it');
select is((tests.track('globex') ->> 'cost_usd')::numeric, 0.0044, 'for nobody else');
select is((select cost_usd from public.estimate_cost('lab', 'echo', 1000, 100,
  organization_id => tests.id_of('acme'))), 0.0034, 'in estimates too');

select * from finish();
rollback;
