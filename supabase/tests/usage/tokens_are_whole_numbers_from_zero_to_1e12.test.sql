begin;
select plan(2);

select tests.create_organization('acme');

select is(
  array(
    select tests.complaint_about(tests.event_of('acme', jsonb_build_object(f.field, v.value)))
    from unnest(array['input_tokens', 'output_tokens']) as f (field)
    cross join unnest(array['-1', '1.5', '1000000000001', '1e30', '"NaN"', '"many"', '{}', '[]', 'true']::jsonb[])
      with ordinality as v (value, n)
    order by f.field, v.n),
  array_cat(array_fill('PT400 input_tokens'::text, array[9]), array_fill('PT400 output_tokens'::text, array[9])),
  'negative, fractional, too many, far too many, no number, a word, an object, a list, a boolean');
select is(
  (tests.track('acme', '{"input_tokens": 1000000000000, "output_tokens": 0}') ->> 'total_tokens')::numeric,
  1e12, 'the most is recorded');

select * from finish();
rollback;
