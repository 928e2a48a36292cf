begin;
select plan(2);

select public.set_price('lab', 'echo', '{"input": 9}', valid_from => '2026-01-01');

select is(tally.load_price_book('{"cards": [
  {"provider": "lab", "model": "echo", "rates": {"input": "1"}, "valid_from": "2026-01-01"}]}'),
  '{"skipped": 1}', 'it says so');
select is((select cost_usd from public.estimate_cost('lab', 'echo', 1000000, 0)), 9::numeric, 'his price stands');

select * from finish();
rollback;
