begin;
select plan(10);

select tests.create_organization('acme');
select public.set_billing_meter('spend', 'cost_usd');
select public.set_billing_customer(tests.id_of('acme'), 'cus_1');
insert into public.billing_reports (organization_id, event_name, hour, seq, identifier, amount, value, stripe_customer_id,
  event_at, next_attempt_at, created_at)
values (tests.id_of('acme'), 'spend', '2026-01-01', 1, 'a', 5, 5, 'cus_1', '2026-01-01', now(), now());
insert into tally.billing_accounts values (tests.id_of('acme'), 'spend', 0, null, null);
create function pg_temp.broken(statement text) returns text language sql as $$ select tests.error_of(statement) ->> 'constraint' $$;

select is(pg_temp.broken('update public.billing_reports set value = 1.5'), 'value_is_whole_and_has_15_digits', 'units are whole');
select is(pg_temp.broken('update public.billing_reports set value = 1e15'), 'value_is_whole_and_has_15_digits', 'of 15 digits');
select is(pg_temp.broken('update public.billing_reports set state = ''delivered'''), 'delivered_has_a_time', 'what arrived has a time');
select is(pg_temp.broken('update public.billing_reports set state = ''lost'''), 'state_is_pending_or_delivered', 'nothing is given up');
select is(pg_temp.broken('update public.billing_reports set kind = ''repair'''), 'repairs_bill_nothing_new', 'a repair has no amount');
select is(pg_temp.broken('update public.billing_reports set kind = ''gift'''), 'kind_is_usage_or_repair', 'there are two kinds');
select is(pg_temp.broken('update public.billing_reports set hour = ''2026-01-01 00:01Z'''), 'hour_is_a_whole_one', 'hours are whole');
select is(pg_temp.broken('update public.billing_reports set is_sending = true, state = ''delivered'', delivered_at = now()'), 'only_pending_is_being_sent', 'what arrived is not on its way');
select is(pg_temp.broken('update tally.billing_accounts set remainder = 1'), 'remainder_is_below_one_unit', 'a whole unit is sent');
select is(pg_temp.broken('insert into public.billing_markups values (tests.id_of(''acme''), ''2026-01-01 00:30Z'', 2)'), 'markup_starts_on_the_hour', 'a markup begins with an hour');

select * from finish();
rollback;
