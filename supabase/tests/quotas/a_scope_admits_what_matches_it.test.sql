begin;
select plan(1);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'total', 0, 'requests', s) from unnest(array[
  jsonb_build_object('user_id', tests.id_of('ada')), jsonb_build_object('api_key_id', tests.id_of('key')),
  '{"provider": "p"}', '{"model": "m"}', '{"tool_name": "t"}', '{"resource_type": "r"}']::jsonb[]) as s;

select is(
  array(
    select (tests.reserve('acme', '{"estimated_cost": 0}' || r.extra) ->> 'allowed')::boolean
    from unnest(array['{}', jsonb_build_object('user_id', tests.id_of('ada')), jsonb_build_object('user_id',
      tests.id_of('bob')), jsonb_build_object('api_key_id', tests.id_of('key')), '{"provider": "p"}', '{"model": "m"}',
      '{"tool_name": "t"}', '{"tool_name": "u"}', '{"resource_type": "r"}']::jsonb[]) with ordinality as r (extra, n)
    order by r.n),
  array[true, false, true, false, false, false, false, true, false],
  'an empty quota stops its scope and nothing else');

select * from finish();
rollback;
