begin;
select plan(7);

-- Eight weeks from a Monday: 10 on weekdays, 2 at weekends.
create temporary table history as
select array_agg(case when n % 7 in (5, 6) then 2 else 10 end order by n)::double precision[] as days from generate_series(0, 55) as n;

select is(
  (select array_agg(round(f::numeric, 1)) from history, unnest(tally.forecast_days(days, 0, 7)) as f),
  array[9.7, 9.7, 9.7, 9.7, 9.7, 2.6, 2.6], 'the week to come is like those before, drawn a little to its mean');
select cmp_ok(
  (select abs(sum(f) - 54) from history, unnest(tally.forecast_days(days, 0, 7)) as f), '<', 0.5::double precision,
  'and comes to as much');
select cmp_ok(
  (select max(abs(e)) from history, unnest(tally.forecast_errors(days, 0, 14)) as e), '<', 0.03::double precision,
  'tried on its own past it is right');
select cmp_ok(
  (select sum(f) from history, unnest(tally.forecast_days(days[:40] || 5000::double precision || days[42:], 0, 7)) as f), '<',
  60::double precision, 'one day out of line does not change it much');
select cmp_ok(
  (select sum(f) from history, unnest(tally.forecast_days(
    days[:42] || array(select 3 * d from unnest(days[43:]) with ordinality as u (d, place) order by place), 0, 7)) as f), '>',
  100::double precision, 'two weeks on another level do');
select is(tally.forecast_days('{}', 0, 2), '{0,0}', 'without history nothing is made up');
select is(tally.forecast_days('{4,4,4}', 3, 2), '{4,4}', 'three days are a level, not a week');

select * from finish();
rollback;
