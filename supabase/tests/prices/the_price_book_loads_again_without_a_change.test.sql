begin;
select plan(3);

select $book${
  "classes": [{"class": "frame", "kind": "unit", "plural": "frames"}],
  "fallbacks": [{"provider": "lab", "class": "input_audio", "fallback": "input"}],
  "cards": [
    {"provider": "lab", "model": "echo", "rates": {"input": "1"}, "valid_from": "2026-01-01", "valid_to": "2026-06-01"},
    {"provider": "lab", "model": "echo", "rates": {"input": "2"}, "valid_from": "2026-06-01"}
  ],
  "aliases": [{"provider": "lab", "alias": "echo-1", "model": "echo"}],
  "rules": [{"provider": "lab", "kind": "starts_with", "pattern": "echo", "model": "echo"}]
}$book$ as book \gset

select is(tally.load_price_book(:'book'), '{"added": 2}', 'two cards are new');
select is(tally.load_price_book(:'book'), '{"unchanged": 2}', 'and then known');
select is((select count(*) from public.cost_estimates where provider = 'lab'), 2::bigint, 'none is there twice');

select * from finish();
rollback;
