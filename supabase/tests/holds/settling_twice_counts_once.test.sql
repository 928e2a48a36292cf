begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme') as hold \gset
select public.settle_usage(:'hold', '{"input_tokens": 1000000, "output_tokens": 0}') as first \gset

select public.settle_usage(:'hold', '{"input_tokens": 1000000, "output_tokens": 0}') as again \gset

select is(:'again'::jsonb, :'first'::jsonb || '{"status": "duplicate"}', 'the answer is the first one');
select is(tests.standing('acme'), '1 used, 0 held, 9 left', 'used once');
select is((select count(*) from public.token_usage), 1::bigint, 'recorded once');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
