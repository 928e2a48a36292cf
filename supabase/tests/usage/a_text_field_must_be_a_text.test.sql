begin;
select plan(1);

select tests.create_organization('acme');

select is(
  array(
    select tests.complaint_about(tests.event_of('acme', e.extra))
    from unnest(array[
      '{"provider": {"a": 1}}', '{"model": ["echo"]}', '{"tool_name": {}}', '{"session_id": []}']::jsonb[])
      with ordinality as e (extra, n)
    order by e.n),
  array['PT400 provider', 'PT400 model', 'PT400 tool_name', 'PT400 session_id'],
  'an object or a list is not taken for its spelling');

select * from finish();
rollback;
