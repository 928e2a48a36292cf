begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
insert into public.usage_quotas (organization_id, quota_type, quota_limit, reset_at)
values (tests.id_of('acme'), 'hourly', 10, now() + interval '1 minute');
select tests.track('acme', jsonb_build_object('created_at', now() + interval '2 minutes', 'input_tokens', 3000000,
  'output_tokens', 0));
select tally.fold(tests.id_of('acme'));

select is(tests.standing('acme'), '0 used, 0 held, 10 left', 'it is none of this one');
select is((select trim_scale(used) from tally.quota_states(tests.id_of('acme'), now() + interval '1 minute')),
  3::numeric, 'it counts in the next');
select tally.fold(tests.id_of('acme'), now() + interval '3 minutes');
select is((select trim_scale(current_usage) from public.usage_quotas), 3::numeric, 'and is folded there');

select * from finish();
rollback;
