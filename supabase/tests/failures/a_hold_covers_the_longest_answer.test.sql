-- A hold for the prompt alone is passed by the first long answer.
begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 1);
select tests.hold('acme', '{"input_tokens": 1000, "max_output_tokens": 50000}');

select is(tests.standing('acme'), '0 used, 0.501 held, 0.499 left', 'https://github.com/elizaOS/eliza/issues/10924');

select * from finish();
rollback;
