begin;
select plan(9);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_member('acme', 'ada', 'owner');
select public.set_billing_meter('spend', 'cost_usd');
select public.set_billing_customer(tests.id_of('acme'), 'cus_acme', markup => 1.2);
select public.set_billing_customer(tests.id_of('globex'), 'cus_globex', markup => 1.5);
insert into public.billing_reports (organization_id, event_name, hour, seq, identifier, amount, value, stripe_customer_id,
  event_at, next_attempt_at, created_at)
select tests.id_of(o), 'spend', '2026-01-01', 1, o, 5, 5, 'cus_' || o, '2026-01-01', now(), now()
from unnest(array['acme', 'globex']) as o;
insert into public.billing_summaries values (tests.id_of('globex'), 'spend', '2026-01-01', 'cus_1', 5, 4, default, now());
insert into public.billing_entitlements values (tests.id_of('acme'), 'exports'), (tests.id_of('globex'), 'sso');

select tests.act_as('ada');
select results_eq('select stripe_customer_id from public.billing_customers', array['cus_acme'], 'members read how they are billed');
select results_eq('select identifier from public.billing_reports', array['acme'], 'and what was reported');
select results_eq('select factor from public.billing_markups', array[1.2], 'and their markup');
select is_empty('select from public.billing_summaries', 'of others they read nothing');
select is_empty(format('select from public.stripe_drift(%L, ''2020-01-01'', ''2030-01-01'')', tests.id_of('globex')), 'nor their drift');
select results_eq(
  format('select public.has_entitlement(%L, ''exports''), public.has_entitlement(%L, ''sso'')', tests.id_of('acme'), tests.id_of('globex')),
  $$ values (true, false) $$, 'a gate tells of one''s own features');
select is(tests.error_of('update public.billing_reports set value = 0') ->> 'code', '42501', 'an owner changes no report');
select is(tests.error_of('delete from public.billing_customers') ->> 'code', '42501', 'nor who is billed');

select tests.act_as_anonymous();
select is(tests.error_of('select from public.billing_reports') ->> 'code', '42501', 'without signing in there is nothing to read');

select * from finish();
rollback;
