begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.track('acme', '{"idempotency_key": "first"}') ->> 'id' as id \gset
select is_empty('select from public.verify_ledger()', 'healthy');

savepoint healthy;
delete from tally.idempotency_keys;
select results_eq('select invariant, subject from public.verify_ledger()',
  format($$ values ('the idempotency key of an event is claimed', 'event %s') $$, :'id'),
  'a retry would be recorded again');

rollback to healthy;
update tally.idempotency_keys set event_id = tally.uuid_v7(now());
select results_eq('select invariant, subject from public.verify_ledger()',
  $$ values ('an idempotency key names its event', 'key first') $$, 'or be answered with an event that does not exist');

rollback to healthy;
update public.token_usage set idempotency_key = 'second';
select results_eq('select invariant from public.verify_ledger() order by 1',
  $$ values ('an idempotency key names its event'), ('the idempotency key of an event is claimed') $$, 'or with another');

select * from finish();
rollback;
