begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 100, 'total_tokens');

select is(tests.reserve('acme') -> 'allowed', 'true', 'there is room');
select tests.track('acme', '{"input_tokens": 99, "output_tokens": 0}');
select is(tests.reserve('acme') -> 'allowed', 'true', 'there still is');
select tests.track('acme', '{"input_tokens": 1, "output_tokens": 0}');
select is(tests.reserve('acme') -> 'allowed', 'false', 'there is none');

select * from finish();
rollback;
