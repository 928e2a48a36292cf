begin;
select plan(2);

select public.set_price('lab', 'echo', '{"input": 1}', valid_from => '2026-01-01') as old \gset

select is(public.set_price('lab', 'echo', '{"input": 1.0}', valid_from => '2026-06-01'), :'old',
  'the card that says so already is named');
select is((select count(*) from public.cost_estimates where provider = 'lab'), 1::bigint, 'no card was added');

select * from finish();
rollback;
