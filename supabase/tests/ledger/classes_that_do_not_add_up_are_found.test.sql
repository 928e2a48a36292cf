begin;
select plan(1);

select tests.create_organization('acme');
select tests.track('acme') ->> 'id' as id \gset

update public.token_usage set classes = '{"input": 999, "output": 100, "web_search": 5}';

select results_eq('select * from public.verify_ledger()',
  format('values (''the classes of an event add up to its tokens'', %L::uuid, ''event %s'',
    1100::numeric, 1099::numeric)',
    tests.id_of('acme'), :'id'), 'units are no tokens');

select * from finish();
rollback;
