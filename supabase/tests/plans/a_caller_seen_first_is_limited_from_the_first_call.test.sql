begin;
select plan(4);

select tests.create_organization('acme');
insert into public.plans (id, name) values ('team', 'Team');
insert into public.plan_quotas (plan_id, applies_to, metric, quota_type, quota_limit)
values ('team', 'user', 'requests', 'daily', 2), ('team', 'api_key', 'requests', 'daily', 1);
select public.assign_plan(tests.id_of('acme'), 'team');

select is(
  array(
    select (tests.reserve('acme', jsonb_build_object('estimated_cost', 0, 'user_id', tests.id_of('ada'))) -> 'allowed')::boolean
    from generate_series(1, 3)),
  array[true, true, false], 'two calls a day for each user');
select is(tests.reserve('acme', jsonb_build_object('estimated_cost', 0, 'user_id', tests.id_of('bob'))) -> 'allowed', 'true', 'the next user has two of his own');
select is(
  array(
    select (tests.reserve('acme', jsonb_build_object('estimated_cost', 0, 'api_key_id', tests.id_of('key'))) -> 'allowed')::boolean
    from generate_series(1, 2)),
  array[true, false], 'one call a day for each key');
update tally.settings set default_plan = 'team';
select tests.create_organization('globex');
select is((select plan_id from public.organizations where id = tests.id_of('globex')), 'team', 'a new organization gets the default plan');

select * from finish();
rollback;
