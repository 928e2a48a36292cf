begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.track('acme', '{"input_tokens": 10000000, "output_tokens": 0}');
select reset_at as turn from public.usage_quotas \gset

select is((select used from tally.quota_states(tests.id_of('acme'), :'turn'::timestamptz - interval '1 microsecond')),
  10.0, 'full to its last moment');
select is((select used from tally.quota_states(tests.id_of('acme'), :'turn')), 0::numeric, 'empty from the next on');
select tally.fold(tests.id_of('acme'), :'turn');
select is((select current_usage from public.usage_quotas), 0::numeric, 'a fold at that moment agrees');

select * from finish();
rollback;
