begin;
select plan(6);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_model('echo', '{"input": 1, "output": 10}');
select public.set_markup(tests.id_of('acme'), 1.5);
select public.set_markup(tests.id_of('acme'), 2, 'lab', 'echo', now() + interval '1 minute');

select is((tests.track('acme', '{"input_tokens": 1000000, "output_tokens": 0}') ->> 'cost_usd')::numeric, 1.5, 'half more');
select is((tests.track('globex', '{"input_tokens": 1000000, "output_tokens": 0}') ->> 'cost_usd')::numeric, 1::numeric,
  'nobody else');
select is(
  (tests.track('acme', jsonb_build_object('input_tokens', 1000000, 'output_tokens', 0, 'created_at', now() + interval '2 minutes'))
    ->> 'cost_usd')::numeric, 2::numeric, 'the model''s own wins from its moment on');
select is(
  (select cost_usd from tally.upper_bound_cost('lab', 'echo', 1000000, 0, tests.id_of('acme'))), 1.5, 'a hold keeps as much');
select public.set_price('lab', 'echo', '{"input": 5}', organization_id => tests.id_of('acme'));
select is((tests.track('acme', '{"input_tokens": 1000000, "output_tokens": 0}') ->> 'cost_usd')::numeric, 5::numeric,
  'a negotiated card is not marked up');
select is_empty('select from public.verify_ledger()', 'and the ledger agrees');

select * from finish();
rollback;
