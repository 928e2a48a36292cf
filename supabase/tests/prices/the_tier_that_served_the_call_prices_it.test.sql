begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_price('lab', 'echo', '{"input": 0.5, "output": 5}', service_tier => 'batch',
  valid_from => now() - interval '1 day');

select is((tests.track('acme', '{"service_tier": "batch"}') ->> 'cost_usd')::numeric, 0.001, 'its own card');
select is((tests.track('acme', '{"service_tier": null}') ->> 'cost_usd')::numeric, 0.002,
  'standard when nothing is said');
select is(tests.track('acme', '{"service_tier": "priority"}') ->> 'cost_usd', null,
  'a tier without a card is not priced by another');

select * from finish();
rollback;
