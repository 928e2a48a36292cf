begin;
select plan(4);

select public.set_price('lab', 'echo', '{"input": 1}', valid_from => now() - interval '1 day') as old \gset
select public.set_price('lab', 'echo', '{"input": 2}', valid_from => now() + interval '1 day') as next \gset

select is(public.withdraw_price(:'next'), :'next', 'it says which');

select is((select valid_to from public.cost_estimates where id = :'old'), null, 'the card before it goes on');
select is((select cost_usd from public.estimate_cost('lab', 'echo', 1000000, 0,
  at => now() + interval '2 days')), 1::numeric, 'and prices that time');
select is(public.withdraw_price(:'next'), :'next', 'withdrawn again, nothing changes');

select * from finish();
rollback;
