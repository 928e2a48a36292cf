begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select tally.uuid_v7(now()) as id \gset
select tests.track('acme', jsonb_build_object('id', :'id')) as first \gset
select public.set_price('lab', 'echo', '{"input": 99}', valid_from => now() - interval '1 second');

select tests.track('acme', jsonb_build_object('id', :'id')) as again \gset

select is(:'again'::jsonb ->> 'status', 'duplicate', 'told as such');
select is(:'again'::jsonb - 'status', :'first'::jsonb - 'status', 'with the cost of then');
select is((select count(*) from public.token_usage), 1::bigint, 'it is there once');

select * from finish();
rollback;
