begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
insert into public.usage_quotas (organization_id, quota_type, quota_limit, metric, reset_at, anchor)
values (tests.id_of('acme'), 'daily', 10, 'requests', now() + interval '1 hour', now() - interval '5 hours');
select tests.track('acme');
select tally.fold(tests.id_of('acme'));

select results_eq(
  format('select starts_at, ends_at from tally.current_periods(%L, now() + interval ''1 hour'')', tests.id_of('acme')),
  $$ values (now() + interval '1 hour', now() + interval '19 hours') $$,
  'the next period begins where the one that was set by hand ends');
select tally.fold(tests.id_of('acme'), now() + interval '1 hour');
select is_empty('select from public.verify_ledger()', 'what was used before counts in one of them only');

-- Midnight in Tokyo is nine hours before midnight in London.
select public.set_quota(tests.id_of('acme'), 'daily', 5) as daily \gset
update public.organizations set timezone = 'Asia/Tokyo';
select results_eq(
  format('select p.starts_at, p.ends_at from tally.current_periods(%L, date_trunc(''day'', now()) + interval ''24 hours'') as p where (p.quota).id = %L',
    tests.id_of('acme'), :'daily'),
  $$ values (date_trunc('day', now()) + interval '24 hours', date_trunc('day', now()) + interval '39 hours') $$,
  'nor does a new timezone count anything twice');

select * from finish();
rollback;
