begin;
select plan(1);

select tests.create_organization('acme');

select is(
  array(
    select tests.complaint_about(tests.event_of('acme', jsonb_build_object('classes', c.classes)))
    from unnest(array['{"cache_read": 1001}', '{"input": 500, "cache_read": 501}', '{"reasoning": 101}',
      '{"input": 999}', '{"output": 99}', '{"input": 999, "cache_read": 1, "output": 50, "reasoning": 50}']::jsonb[])
      with ordinality as c (classes, n)
    order by c.n),
  array['PT400 classes', 'PT400 classes', 'PT400 classes', 'PT400 classes', 'PT400 classes', null],
  'more in, more in together, more out, less in, less out; equal is right');

select * from finish();
rollback;
