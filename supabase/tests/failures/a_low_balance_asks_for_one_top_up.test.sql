-- The same alert twice bought credit twice.
begin;
select plan(1);

select tests.create_organization('acme');
select public.grant_credit(tests.id_of('acme'), 10);
insert into public.credit_top_ups (organization_id, below, amount) values (tests.id_of('acme'), 5, 20);
do $$
begin
  for v_call in 1..4 loop
    perform tests.track('acme', '{"cost_usd": 2}');
    perform tally.fold(tests.id_of('acme'));
  end loop;
end $$;

select is((select count(*) from public.usage_alerts where kind = 'top_up'), 1::bigint,
  'https://github.com/flexprice/flexprice/pull/2155');

select * from finish();
rollback;
