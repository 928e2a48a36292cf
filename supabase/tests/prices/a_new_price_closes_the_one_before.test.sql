begin;
select plan(2);

select public.set_price('lab', 'echo', '{"input": 1}', valid_from => '2026-01-01') as old \gset
select public.set_price('lab', 'echo', '{"input": 2}', valid_from => '2026-06-01') as new \gset

select results_eq(
  format('select valid_from, valid_to from public.cost_estimates where id = %s', :'old'),
  $$ values (timestamptz '2026-01-01', timestamptz '2026-06-01') $$,
  'the old card ends where the new one starts');
select results_eq(
  format('select valid_from, valid_to, rates from public.cost_estimates where id = %s', :'new'),
  $$ values (timestamptz '2026-06-01', null::timestamptz, '{"input": 2}'::jsonb) $$,
  'the new one is open');

select * from finish();
rollback;
