begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.track('acme');

update public.token_usage set cost_usd = null;

select isnt_empty('select from public.verify_ledger()', 'a card names a cost, the event has none');

select * from finish();
rollback;
