begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.track('acme', '{"cost_usd": 42}');

select is_empty('select from public.verify_ledger()', 'it names no card');

select * from finish();
rollback;
