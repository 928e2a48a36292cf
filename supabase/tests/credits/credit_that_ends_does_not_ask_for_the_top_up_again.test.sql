begin;
select plan(3);

select tests.create_organization('acme');
select public.grant_credit(tests.id_of('acme'), 10);
select public.grant_credit(tests.id_of('acme'), 1, priority => 90, expires_at => now() + interval '1 hour');
insert into public.credit_top_ups (organization_id, below, amount) values (tests.id_of('acme'), 3, 20);
select tests.track('acme', '{"cost_usd": 9}');
select tally.fold(tests.id_of('acme'));

select is(
  (select tally.alert_data(organization_id, id) from public.usage_alerts where kind = 'top_up') -> 'top_up_amount', '20',
  'the event says what to buy');
-- It was asked for after the grants.
update public.usage_alerts set created_at = created_at + interval '1 minute';
select tally.fold(tests.id_of('acme'), now() + interval '2 hours');
select is((select count(*) from public.usage_alerts where kind = 'top_up'), 1::bigint,
  'credit that ends meanwhile lowers the balance and asks for nothing more');

update public.credit_grants set created_at = created_at + interval '2 minutes';
select public.grant_credit(tests.id_of('acme'), 1.5);
update public.credit_grants set created_at = created_at + interval '2 minutes' where amount = 1.5;
select tally.fold(tests.id_of('acme'));
select is((select count(*) from public.usage_alerts where kind = 'top_up'), 2::bigint, 'a grant that is not enough does');

select * from finish();
rollback;
