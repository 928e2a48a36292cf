begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
select public.set_quota(tests.id_of('acme'), 'total', 1000) as quota \gset
select tests.track('acme', '{"input_tokens": 3000000, "output_tokens": 0}');

update public.usage_quotas set current_usage = current_usage + 0.5;

select results_eq('select * from public.verify_ledger()',
  format('values (''usage of a quota is the sum of its events'', %L::uuid, ''quota %s'', 3.0, 3.5)',
    tests.id_of('acme'), :'quota'), 'with what it should be and what it is');

select * from finish();
rollback;
