begin;
select plan(3);

select public.set_price('lab', 'echo', '{"input": 1}', valid_from => now() - interval '1 day');

select public.set_price('lab', 'echo', '{"input": 2}', valid_from => now() + interval '1 day');

select is((select cost_usd from public.estimate_cost('lab', 'echo', 1000000, 0)), 1::numeric, 'now the old one');
select is((select cost_usd from public.estimate_cost('lab', 'echo', 1000000, 0,
  at => now() + interval '1 day' - interval '1 microsecond')), 1::numeric, 'until the last microsecond');
select is((select cost_usd from public.estimate_cost('lab', 'echo', 1000000, 0,
  at => now() + interval '1 day')), 2::numeric, 'from its first moment the new one');

select * from finish();
rollback;
