begin;
select plan(1);

select tests.create_organization('acme');

select is(
  array(
    select tests.complaint_about(tests.event_of('acme', jsonb_build_object('classes', c.classes)))
    from unnest(array['[]', '"x"', '{"bogus": 1}', '{"cache_read": -1}', '{"cache_read": 0.5}',
      '{"cache_read": "5"}', '{"cache_read": null}', '{"web_search": -1}', '{"cache_read": 1e300}']::jsonb[])
      with ordinality as c (classes, n)
    order by c.n),
  array['PT400 classes', 'PT400 classes', 'PT400 classes.bogus', 'PT400 classes.cache_read',
    'PT400 classes.cache_read', 'PT400 classes.cache_read', 'PT400 classes.cache_read',
    'PT400 classes.web_search', 'PT400 classes.cache_read'],
  'a list, a text, unknown, negative, half a token, a text, null, a negative unit, too many');

select * from finish();
rollback;
