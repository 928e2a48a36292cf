begin;
select plan(8);

select tests.create_organization('acme');
update tally.settings set default_plan = 'free';
select public.assign_plan(tests.id_of('acme'), 'pro');
select public.set_billing_customer(tests.id_of('acme'), 'cus_acme');
create function pg_temp.tell(id text, type text, created integer, object jsonb) returns text language sql as $$
  select tally.receive_stripe_event(jsonb_build_object('id', tell.id, 'type', tell.type, 'created', tell.created,
    'data', jsonb_build_object('object', tell.object))) ->> 'status'
$$;
create function pg_temp.entitle(id text, created integer, variadic keys text[]) returns text language sql as $$
  select pg_temp.tell(entitle.id, 'entitlements.active_entitlement_summary.updated', entitle.created, jsonb_build_object('customer', 'cus_acme',
    'entitlements', jsonb_build_object('data', (select jsonb_agg(jsonb_build_object('lookup_key', k)) from unnest(entitle.keys) as k))))
$$;

select is(pg_temp.entitle('evt_1', 100, 'sso', 'exports'), 'applied', 'features that were bought');
select pg_temp.entitle('evt_2', 300, 'exports');
select is(pg_temp.entitle('evt_3', 200, 'sso'), 'older', 'an older list changes nothing');
select results_eq('select lookup_key from public.billing_entitlements', array['exports'], 'the newest one stands');
select is(pg_temp.tell('evt_4', 'invoice.payment_failed', 1, '{"customer": "cus_acme", "next_payment_attempt": 5}'), 'applied', 'a payment that failed');
select is((select plan_id from public.organizations where id = tests.id_of('acme')), 'pro', 'and will be tried again leaves the plan');
select pg_temp.tell('evt_5', 'invoice.payment_failed', 1, '{"customer": "cus_acme", "next_payment_attempt": null}');
select is((select plan_id from public.organizations where id = tests.id_of('acme')), 'free', 'the last attempt ends it');
select is(pg_temp.tell('evt_6', 'invoice.paid', 1, '{"customer": "cus_nobody"}'), 'unknown customer', 'customers of somebody else are left alone');
select is(pg_temp.tell('evt_7', 'customer.updated', 1, '{"customer": "cus_acme"}'), 'ignored', 'as is what says nothing about billing');

select * from finish();
rollback;
