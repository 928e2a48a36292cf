begin;
select plan(2);

select tests.create_organization('acme');
select tally.load_price_book('{"cards": [
  {"provider": "lab", "model": "echo", "rates": {"input": "4"}, "valid_from": "2026-01-01"},
  {"provider": "lab", "model": "echo", "rates": {"input": "1"}, "valid_from": "2026-01-01",
    "daily_from": "16:30", "daily_to": "00:30"}]}');

select is(
  array(
    select e.cost_usd
    from unnest(array['16:29:59', '16:30', '23:59', '00:00', '00:29:59', '00:30']) with ordinality as t (time, n)
    cross join lateral public.estimate_cost('lab', 'echo', 1000000, 0,
      at => ('2026-11-20 ' || t.time || '+00')::timestamptz) as e
    order by t.n),
  array[4, 1, 1, 1, 1, 4]::numeric[], 'it runs past midnight (UTC)');
select is(
  array(
    select tally.in_daily_window(('2026-11-20 ' || t || '+00')::timestamptz, '08:00', '09:00')
    from unnest(array['07:59', '08:00', '08:59', '09:00']) as t),
  array[false, true, true, false], 'or within a day');

select * from finish();
rollback;
