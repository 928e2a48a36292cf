begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
select public.set_quota(tests.id_of('acme'), 'daily', 10);
select period_start from public.usage_quotas \gset

select tests.track('acme', jsonb_build_object('created_at', :'period_start'::timestamptz - interval '1 ms',
  'input_tokens', 4000000, 'output_tokens', 0));
select is(tests.standing('acme'), '0 used, 0 held, 10 left', 'a millisecond before the period');
select tests.track('acme', jsonb_build_object('created_at', :'period_start', 'input_tokens', 1000000,
  'output_tokens', 0));
select is(tests.standing('acme'), '1 used, 0 held, 9 left', 'at its first moment');
select tally.fold(tests.id_of('acme'));
select is(tests.standing('acme'), '1 used, 0 held, 9 left', 'folded');
select is((select count(*) from public.token_usage), 2::bigint, 'both are recorded');

select * from finish();
rollback;
