begin;
select plan(11);

select tests.create_organization('acme');
insert into public.plans (id, name) values ('team', 'Team');
update tally.settings set default_plan = 'free';
insert into public.billing_plans values ('price_team', 'team');
select public.set_billing_meter('tokens', 'total_tokens', starts_at => '2020-01-01');
select public.set_billing_customer(tests.id_of('acme'), 'cus_acme');
create function pg_temp.tell(id text, kind text, status text, created integer, ended timestamptz default null) returns text language sql as $$
  select tally.receive_stripe_event(jsonb_build_object('id', tell.id, 'type', 'customer.subscription.' || tell.kind, 'created', tell.created,
    'data', jsonb_build_object('object', jsonb_build_object('id', 'sub_1', 'customer', 'cus_acme', 'status', tell.status,
      'start_date', tell.created, 'ended_at', extract(epoch from tell.ended)::bigint, 'items', '{"data": [{"price": {"id": "price_team"}}]}'::jsonb)))) ->> 'status'
$$;
create function pg_temp.plan() returns text language sql as $$ select plan_id from public.organizations where id = tests.id_of('acme') $$;

select is(pg_temp.tell('evt_1', 'created', 'active', 100), 'applied', 'a subscription');
select is(pg_temp.plan(), 'team', 'gives its plan');
select is(pg_temp.tell('evt_1', 'created', 'active', 100), 'duplicate', 'an event counts once');
select is(pg_temp.tell('evt_3', 'updated', 'unpaid', 300), 'applied', 'one that is not paid');
select is(pg_temp.plan(), 'free', 'has the default plan');
select is(pg_temp.tell('evt_2', 'updated', 'active', 200), 'older', 'an event that was overtaken changes nothing');
select pg_temp.tell('evt_4', 'updated', 'active', 400);
select public.track_usage(jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'lab', 'model', 'echo',
  'input_tokens', 5, 'cost_usd', 0));
select tally.fold(tests.id_of('acme'));
select is((select hours from tally.prepare_billing_reports()), 0, 'the running hour is not reported');
select pg_temp.tell('evt_5', 'deleted', 'canceled', 500, now() + interval '1 second');
select is((select hours from tally.prepare_billing_reports(at => now() + interval '2 seconds')), 1, 'the last hour of a subscription is reported at once');
select results_eq('select value, is_final from public.billing_reports', $$ values (5::numeric, true) $$, 'and is marked');
select is(pg_temp.tell('evt_6', 'updated', 'active', 600), 'older', 'what is over stays over');
select is(pg_temp.plan(), 'free', 'on the default plan');

select * from finish();
rollback;
