begin;
select plan(2);

select tests.create_organization('acme');

select public.track_usage_batch((
  select jsonb_agg(tests.event_of('acme', jsonb_build_object(
    'duration_ms', case n when 77 then -1 else n end)) order by n)
  from generate_series(0, 499) as n)) as answer \gset

select is((select count(*) from public.token_usage), 499::bigint, 'the others are there');
select is(jsonb_path_query_array(:'answer', '$.rejected[*].index'), '[77]', 'it is named');

select * from finish();
rollback;
