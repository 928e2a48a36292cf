begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.track('acme') ->> 'id' as id \gset

update public.token_usage set cost_usd = 0.003;

select results_eq('select * from public.verify_ledger()',
  format('values (''the cost of an event is what its card says'', %L::uuid, ''event %s'', 0.002, 0.003)',
    tests.id_of('acme'), :'id'), 'with both amounts');

select * from finish();
rollback;
