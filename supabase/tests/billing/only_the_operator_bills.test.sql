begin;
select plan(9);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'owner');
select tests.act_as('ada');
select is(tests.error_of(format('select public.set_billing_customer(%L, ''cus_1'')', tests.id_of('acme'))) ->> 'code', 'PT403', 'an owner does not choose the customer');
select is(tests.error_of(format('select public.set_billing_markup(%L, 0)', tests.id_of('acme'))) ->> 'code', 'PT403', 'nor the markup');
select is(tests.error_of('select public.set_billing_meter(''free'', ''requests'')') ->> 'code', 'PT403', 'nor the meters');
select is(tests.error_of('select public.verify_billing()') ->> 'code', 'PT403', 'verifying looks at everybody');
select is(tests.error_of('select tally.prepare_billing_reports()') ->> 'code', '42501', 'reporting is not reachable');
select is(tests.error_of('select tally.receive_stripe_event(''{}'')') ->> 'code', '42501', 'nor are the events of Stripe');
select is(tests.error_of('select from public.billing_plans') ->> 'code', '42501', 'nor which price means which plan');

select tests.act_as_service();
select lives_ok(format('select public.set_billing_customer(%L, ''cus_1'')', tests.id_of('acme')), 'the secret key is the operator');
select lives_ok('select public.verify_billing()', 'and may verify');

select * from finish();
rollback;
