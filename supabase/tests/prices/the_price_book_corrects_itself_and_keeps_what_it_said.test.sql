begin;
select plan(2);

select tally.load_price_book('{"cards": [
  {"provider": "lab", "model": "echo", "rates": {"input": "1"}, "valid_from": "2026-01-01"}]}');

select is(tally.load_price_book('{"cards": [
  {"provider": "lab", "model": "echo", "rates": {"input": "3"}, "valid_from": "2026-01-01"}]}'),
  '{"corrected": 1}', 'the wrong card is replaced');
select results_eq(
  $$ select (rates ->> 'input')::int, withdrawn_at is not null from public.cost_estimates
     where provider = 'lab' order by id $$,
  $$ values (1, true), (3, false) $$, 'and stays readable');

select * from finish();
rollback;
