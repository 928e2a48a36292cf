begin;
select plan(1);

select public.set_price('lab', 'echo', '{"input": 1}', valid_from => '2026-01-01');

select is(
  tests.error_of($$
    insert into public.cost_estimates (provider, model, rates, valid_from)
    values ('lab', 'echo', '{"input": 2}', '2026-02-01')
  $$) ->> 'constraint',
  'cards_of_one_key_do_not_overlap', 'not even by hand');

select * from finish();
rollback;
