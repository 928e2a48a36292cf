begin;
select plan(2);

select tests.create_organization('acme');

select is(
  array(
    select tests.complaint_about(tests.event_of('acme', jsonb_build_object('created_at', now() + t.shift)))
    from unnest(array['-35 days -1 s', '-34 days -23 h', '4 min 59 s', '5 min 1 s']::interval[])
      with ordinality as t (shift, n)
    order by t.n),
  array['PT400 created_at', null, null, 'PT400 created_at'],
  'from 35 days back to 5 minutes ahead');
select is(
  array(
    select tests.complaint_about(tests.event_of('acme', jsonb_build_object('created_at', t.time)))
    from unnest(array['infinity', '-infinity', '2026-02-30', 'soon', '20000-01-01', '0044-03-15 BC'])
      with ordinality as t (time, n)
    order by t.n),
  array_fill('PT400 created_at'::text, array[6]), 'impossible times');

select * from finish();
rollback;
