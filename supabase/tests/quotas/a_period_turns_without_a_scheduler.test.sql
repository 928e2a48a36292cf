-- Nothing has folded for three days: the row still stands in the old period.
begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
select public.set_quota(tests.id_of('acme'), 'daily', 10);
select tests.track('acme', '{"input_tokens": 2000000, "output_tokens": 0}');
update public.usage_quotas set current_usage = 9, opening_usage = 9,
  period_start = period_start - interval '3 days', reset_at = reset_at - interval '3 days';

select is(tests.standing('acme'), '2 used, 0 held, 8 left', 'the status is of today');
select is(tests.reserve('acme', '{"estimated_cost": 8}') -> 'allowed', 'true', 'so is an admission');
select tally.fold(tests.id_of('acme'));
select is(tests.standing('acme'), '2 used, 8 held, 0 left', 'a fold says the same');
select results_eq('select period_start, reset_at from public.usage_quotas',
  $$ select starts_at, ends_at from tally.quota_period('daily', 'UTC', null, now()) $$, 'and turns the row');

select * from finish();
rollback;
