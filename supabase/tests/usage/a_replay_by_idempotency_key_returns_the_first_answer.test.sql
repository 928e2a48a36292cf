begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.track('acme', '{"idempotency_key": "k"}') as first \gset

select tests.track('acme', '{"idempotency_key": "k"}') as again \gset

select is(:'again'::jsonb, :'first'::jsonb || '{"status": "duplicate"}', 'the id of then, too');
select is((select count(*) from public.token_usage), 1::bigint, 'it is there once');

select * from finish();
rollback;
