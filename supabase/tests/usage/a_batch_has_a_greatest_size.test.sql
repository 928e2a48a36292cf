begin;
select plan(2);

select is(
  tests.codes_of('select public.track_usage_batch((select jsonb_agg(n) from generate_series(1, 10001) as n))',
    'select public.track_usage_batch(''{}'')', 'select public.track_usage_batch(null)'),
  array['PT400', 'PT400', 'PT400'], 'ten thousand, and it is a list');
select is(public.track_usage_batch('[]'), '{"recorded": 0, "duplicates": 0, "rejected": []}', 'an empty one is fine');

select * from finish();
rollback;
