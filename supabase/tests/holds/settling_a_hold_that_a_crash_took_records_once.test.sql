begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tally.uuid_v7(now()) as hold \gset

select is(public.settle_usage(:'hold', tests.event_of('acme')) ->> 'status', 'recorded', 'the use is not lost');

select is(public.settle_usage(:'hold', tests.event_of('acme')) ->> 'status', 'duplicate', 'nor doubled');
select is(tests.standing('acme'), '0.002 used, 0 held, 9.998 left', 'it counts');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
