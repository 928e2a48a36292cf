begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme', '{"estimated_cost": 4}') as hold \gset

select public.settle_usage(:'hold', '{"input_tokens": 1000000, "output_tokens": 0}') as answer \gset

select is(:'answer'::jsonb ->> 'cost_usd', '1', 'at its real cost');
select is(tests.standing('acme'), '1 used, 0 held, 9 left', 'the rest is given back');
select results_eq('select state, event_id from public.usage_holds',
  format('values (''settled'', %L::uuid)', :'answer'::jsonb ->> 'id'), 'the hold names its event');

select * from finish();
rollback;
