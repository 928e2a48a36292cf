-- Events count milliseconds: a card that starts within one must not miss the events of it.
begin;
select plan(1);

select tests.create_organization('acme');
select public.set_price('lab', 'echo', '{"input": 1, "output": 10}');

select is((tests.track('acme') ->> 'cost_usd')::numeric, 0.002, 'in the same transaction, too');

select * from finish();
rollback;
