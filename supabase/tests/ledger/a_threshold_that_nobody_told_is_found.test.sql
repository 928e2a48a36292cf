begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
select public.set_quota(tests.id_of('acme'), 'daily', 10) as quota \gset
select tests.track('acme', '{"input_tokens": 8000000, "output_tokens": 0}');
select tally.fold(tests.id_of('acme'));
select is_empty('select * from public.verify_ledger()', 'what was reached was told');

delete from public.usage_alerts;
select results_eq('select * from public.verify_ledger()',
  format('values (''a threshold that was reached is told'', %L::uuid, ''quota %s at 75 %%'', 1::numeric, 0::numeric)',
    tests.id_of('acme'), :'quota'), 'which, and at how much');

select * from finish();
rollback;
