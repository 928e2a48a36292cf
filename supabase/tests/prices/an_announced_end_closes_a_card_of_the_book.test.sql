begin;
select plan(2);

select tally.load_price_book('{"cards": [
  {"provider": "lab", "model": "echo", "rates": {"input": "1"}, "valid_from": "2026-01-01"}]}');

select is(tally.load_price_book('{"cards": [
  {"provider": "lab", "model": "echo", "rates": {"input": "1"}, "valid_from": "2026-01-01", "valid_to": "2026-06-01"},
  {"provider": "lab", "model": "echo", "rates": {"input": "2"}, "valid_from": "2026-06-01"}]}'),
  '{"added": 1, "closed": 1}', 'one closed, one added');
select is((select count(*) from public.cost_estimates where provider = 'lab' and withdrawn_at is null), 2::bigint,
  'nothing was withdrawn');

select * from finish();
rollback;
