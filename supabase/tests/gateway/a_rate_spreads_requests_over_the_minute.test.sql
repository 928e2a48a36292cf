begin;
select plan(5);

select tests.create_organization('acme');
create function pg_temp.take(seconds numeric) returns numeric language sql as $$
  select round(tally.take_request(tests.id_of('acme'), 3, timestamptz '2026-11-23 12:00Z' + take.seconds * interval '1 second'), 3)
$$;

select is(array[pg_temp.take(0), pg_temp.take(0), pg_temp.take(0)], array[null, null, null]::numeric[], 'a minute''s requests may come at once');
select is(pg_temp.take(0.5), 19.5, 'the next one waits for its share of the minute');
select is(pg_temp.take(19.9), 0.1, 'a refused request takes nothing');
select is(pg_temp.take(20), null, 'then it goes on');
select is(array[pg_temp.take(300), pg_temp.take(300), pg_temp.take(300), pg_temp.take(300)],
  array[null, null, null, 20]::numeric[], 'rest does not save up more than a minute');

select * from finish();
rollback;
