begin;
select plan(1);

select public.set_price('lab', 'echo', '{"input": 1}', valid_from => '2026-01-01');
select public.set_price('lab', 'echo', '{"input": 3}', valid_from => '2026-09-01');

select public.set_price('lab', 'echo', '{"input": 2}', valid_from => '2026-06-01');

select results_eq(
  $$ select (rates ->> 'input')::int, valid_from, valid_to from public.cost_estimates
     where provider = 'lab' order by valid_from $$,
  $$ values (1, timestamptz '2026-01-01', timestamptz '2026-06-01'),
            (2, '2026-06-01', '2026-09-01'), (3, '2026-09-01', null) $$,
  'three spans without a gap');

select * from finish();
rollback;
