begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
-- Not an id of ours, and one that sorts before those of all times.
select '00000000-0000-4000-8000-000000000001' as hold \gset

select is(public.settle_usage(:'hold', tests.event_of('acme')) ->> 'status', 'recorded', 'what was used is recorded');
update public.usage_holds set created_at = created_at - interval '40 days';
select tally.tick();
select is(public.settle_usage(:'hold', tests.event_of('acme')) ->> 'status', 'duplicate', 'once, however much later and after a tidy-up');
select is(tests.standing('acme'), '0.002 used, 0 held, 9.998 left', 'it counts');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
