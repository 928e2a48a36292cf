begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada');
select tests.create_model('echo');
insert into public.plans (id, name) values ('team', 'Team');
insert into public.plan_quotas (plan_id, applies_to, metric, quota_type, quota_limit)
values ('team', 'user', 'cost_usd', 'daily', 2), ('team', 'api_key', 'requests', 'daily', 0),
  ('team', 'organization', 'cost_usd', 'monthly', 100);
select public.assign_plan(tests.id_of('acme'), 'team');

select results_eq(
  format('select allowed, quota_limit, quota_id from public.check_quota(%L, ''lab'', ''echo'', 3, user_id => %L)',
    tests.id_of('acme'), tests.id_of('bob')),
  'values (false, 2::numeric, null::uuid)', 'the first call of a user is checked against what he will get');
select tests.track('acme', jsonb_build_object('user_id', tests.id_of('bob'), 'cost_usd', 1.5));
select results_eq(
  format('select allowed, current_usage, remaining from public.check_quota(%L, ''lab'', ''echo'', 1, user_id => %L)',
    tests.id_of('acme'), tests.id_of('bob')),
  'values (false, 1.5::numeric, 0.5::numeric)', 'what was recorded of him counts');
select is((select allowed from public.check_quota(tests.id_of('acme'), 'lab', 'echo', 3)), true, 'a call of nobody is not his');

select tests.act_as('ada');
select is((select allowed from public.check_quota(tests.id_of('acme'), 'lab', 'echo', 3)), false,
  'a call of who is signed in is her own, as when it is admitted');

select * from finish();
rollback;
