begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "cache_write": 1.25, "output": 10}');
select public.set_price('lab', 'echo', '{"input": 2, "cache_write": 2.5, "output": 20}', context_from => 300000,
  valid_from => now() - interval '1 day');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);

select tests.hold('acme', '{"input_tokens": 100000, "max_output_tokens": 10000}') as hold \gset
select is(tests.standing('acme'), '0 used, 0.225 held, 9.775 left', 'as if all of it were written to the cache');
select public.release_hold(:'hold');
select tests.hold('acme', '{"input_tokens": 300000, "max_output_tokens": 10000}');
select is(tests.standing('acme'), '0 used, 0.95 held, 9.05 left', 'in the band that it reaches');

select * from finish();
rollback;
