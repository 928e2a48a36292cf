begin;
select plan(1);

select is(
  tests.error_of($$
    insert into public.cost_estimates (provider, model, rates, valid_from, valid_to)
    values ('lab', 'echo', '{"input": 2}', '2026-02-01', '2026-01-01')
  $$) ->> 'constraint',
  'validity_runs_forward', 'a card ends after it starts');

select * from finish();
rollback;
