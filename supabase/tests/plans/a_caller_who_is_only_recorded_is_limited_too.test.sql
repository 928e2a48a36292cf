begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
insert into public.plans (id, name) values ('team', 'Team');
insert into public.plan_quotas (plan_id, applies_to, metric, quota_type, quota_limit, alert_thresholds)
values ('team', 'user', 'requests', 'daily', 2, '{100}'), ('team', 'api_key', 'requests', 'daily', 1, '{100}');
select public.assign_plan(tests.id_of('acme'), 'team');

select tests.track('acme', jsonb_build_object('user_id', tests.id_of('ada')));
select tests.track('acme', jsonb_build_object('user_id', tests.id_of('ada'), 'api_key_id', tests.id_of('key')));
select tests.track('acme', jsonb_build_object('user_id', tests.id_of('bob')));
select tests.track('acme');
select tally.fold(tests.id_of('acme'));

select results_eq(
  format('select user_id, api_key_id, current_usage from public.quota_status(%L) order by user_id = %L', tests.id_of('acme'), tests.id_of('bob')),
  format('values (%L::uuid, null::uuid, 2::numeric), (%L, null, 1), (null, %L, 1)', tests.id_of('ada'), tests.id_of('bob'), tests.id_of('key')),
  'users and keys that no admission has seen have their quotas, use included');
select is((select count(*) from public.usage_alerts), 2::bigint, 'and are told when they are used up');
select is(
  tests.reserve('acme', jsonb_build_object('estimated_cost', 0, 'user_id', tests.id_of('ada'))) #>> '{blocked_by,current_usage}',
  '2', 'the next call is refused');
select is_empty('select from public.verify_ledger()', 'and the ledger agrees');

select * from finish();
rollback;
