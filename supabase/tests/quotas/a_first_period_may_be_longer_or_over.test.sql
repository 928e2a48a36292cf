begin;
select plan(3);

select tests.create_organization('acme');
insert into public.usage_quotas (organization_id, quota_type, quota_limit, current_usage, reset_at)
values (tests.id_of('acme'), 'daily', 10, 4, now() + interval '3 days'),
  (tests.id_of('acme'), 'weekly', 10, 4, now() - interval '1 hour');

select is(tests.standing('acme'), '4 used, 0 held, 6 left; 4 used, 0 held, 6 left', 'what is stated counts');
select results_eq($$ select period_start, reset_at from public.usage_quotas where quota_type = 'daily' $$,
  $$ values (now(), now() + interval '3 days') $$, 'until the reset that was named');
select results_eq($$ select period_start, reset_at from public.usage_quotas where quota_type = 'weekly' $$,
  $$ values (now() - interval '1 hour', now() - interval '1 hour' + interval '7 days') $$,
  'or from one that is over');

select * from finish();
rollback;
