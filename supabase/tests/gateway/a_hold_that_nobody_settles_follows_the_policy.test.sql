begin;
select plan(7);

select tests.create_organization('strict'), tests.create_organization('mild');
select public.set_quota(tests.id_of(o), 'monthly', 10) from unnest(array['strict', 'mild']) as o;
select public.set_gateway_policy(tests.id_of('strict'), '{"unsettled_holds": "settle"}');
select public.reserve_usage(jsonb_build_object('organization_id', tests.id_of(o), 'provider', 'openai',
  'model', 'gpt-4o', 'input_tokens', 1000, 'max_output_tokens', 500, 'expires_in', 60)) from unnest(array['strict', 'mild']) as o;
select public.reserve_usage(jsonb_build_object('organization_id', tests.id_of('strict'), 'provider', 'openai',
  'model', 'gpt-4o', 'estimated_cost', 5, 'requests', 20, 'expires_in', 60));

select is(tally.settle_unsettled_holds(), 0, 'a hold that lasts is left alone');
update public.usage_holds set expires_at = now() - interval '1 second';
select tally.fold(tests.id_of('strict')), tally.fold(tests.id_of('mild'));
select is(tally.settle_unsettled_holds(), 1, 'one that ran out is settled, also after a fold has ended it');
select is(tally.settle_unsettled_holds(), 0, 'once');
select results_eq(
  $$ select organization_id, status, is_estimated, cost_usd, request_metadata from public.token_usage $$,
  $$ values (tests.id_of('strict'), 'timeout', true, 0.0075, '{"unsettled_hold": true}'::jsonb) $$,
  'at its upper bound, and marked; not that of a run, whose calls were never made');
select is((select remaining from public.check_quota(tests.id_of('strict'), 'openai', 'gpt-4o', 0)), 9.9925, 'it is used');
select is((select remaining from public.check_quota(tests.id_of('mild'), 'openai', 'gpt-4o', 0)), 10::numeric, 'otherwise it is free again');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
