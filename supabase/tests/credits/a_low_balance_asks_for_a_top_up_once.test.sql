begin;
select plan(3);

select tests.create_organization('acme');
select public.grant_credit(tests.id_of('acme'), 10);
insert into public.credit_top_ups (organization_id, below, amount) values (tests.id_of('acme'), 3, 20);

select tests.track('acme', '{"cost_usd": 6}');
select tally.fold(tests.id_of('acme'));
select is_empty($$ select from public.usage_alerts where kind = 'top_up' $$, 'four are left');
select tests.track('acme', '{"cost_usd": 2}');
select tally.fold(tests.id_of('acme'));
select tally.fold(tests.id_of('acme'));
select is((select count(*) from public.usage_alerts where kind = 'top_up'), 1::bigint, 'two are left: asked once');
select public.grant_credit(tests.id_of('acme'), 1);
select tests.track('acme', '{"cost_usd": 0.5}');
select tally.fold(tests.id_of('acme'));
select is((select count(*) from public.usage_alerts where kind = 'top_up'), 2::bigint, 'a grant arms it again');

select * from finish();
rollback;
