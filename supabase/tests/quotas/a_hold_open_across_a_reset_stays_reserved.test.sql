begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
select public.set_quota(tests.id_of('acme'), 'daily', 10);
select tests.hold('acme', '{"estimated_cost": 6, "expires_in": 86400}') as hold \gset
update public.usage_quotas
set period_start = period_start - interval '1 day', reset_at = reset_at - interval '1 day';

select is(tests.standing('acme'), '0 used, 6 held, 4 left', 'in the new period');
select public.settle_usage(:'hold', '{"input_tokens": 5000000, "output_tokens": 0}');
select tally.fold(tests.id_of('acme'));
select is(tests.standing('acme'), '5 used, 0 held, 5 left', 'settled, it counts in the new one');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
