begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.create_user('known');
select tests.create_user('pending');
create function pg_temp.use(name text, calls int) returns void language sql as $$
  select public.track_usage_batch(jsonb_agg(tests.event_of('acme', jsonb_build_object('user_id', tests.id_of(name)))))
  from generate_series(1, calls)
$$;
create function pg_temp.used() returns jsonb language sql as $$
  select jsonb_agg(q.current_usage + (
      select coalesce(sum(p.amount), 0) from tally.pending_usage(q.organization_id, null, array[q.id]) as p)
    order by q.user_id = tests.id_of('known') desc)
  from public.usage_quotas as q
  where q.organization_id = tests.id_of('acme') and q.user_id is not null
$$;

select pg_temp.use('known', 3);
select tally.tick();
insert into public.plans (id, name) values ('each', 'Each');
insert into public.plan_quotas (plan_id, applies_to, metric, quota_type, quota_limit) values ('each', 'user', 'requests', 'monthly', 10);
select public.assign_plan(tests.id_of('acme'), 'each');
select pg_temp.use('known', 2);
select pg_temp.use('pending', 4);
select tally.meet_caller(tests.id_of('acme'), tests.id_of('known'), null);
select tally.meet_caller(tests.id_of('acme'), tests.id_of('pending'), null);

select is(pg_temp.used(), '[5, 4]', 'what is folded and what is pending both count');
select is_empty('select * from public.verify_ledger()', 'as the events say');
select tally.tick();
select is(pg_temp.used(), '[5, 4]', 'and once');
select is_empty('select * from public.verify_ledger()', 'after the fold too');

select * from finish();
rollback;
