begin;
select plan(3);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'daily', 10);
create temporary view quota as
select q.* from public.usage_quotas as q where q.organization_id = tests.id_of('acme');
create function tests.add_delta(released jsonb) returns void language sql as $$
  insert into tally.usage_deltas (organization_id, due_at, released_quotas, released, is_beyond_hold)
  select q.organization_id, now(), array[q.id], $1, false from quota as q
$$;

select public.reserve_usage(jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai',
  'model', 'gpt-4o', 'estimated_cost', 2));

-- A delta that no writer of ours makes.
select tests.add_delta('{"cost_usd": 2.5}');
select is(
  tests.error_of('select tally.fold(tests.id_of(''acme''))') ->> 'constraint', 'reserved_is_not_negative',
  'what would take back more than is held is not folded');
select is((select reserved from quota), 2::numeric, 'the hold is kept');

delete from tally.usage_deltas where organization_id = tests.id_of('acme');
select tests.add_delta('{"cost_usd": 2}');
select tally.fold(tests.id_of('acme'));
select is((select reserved from quota), 0::numeric, 'down to zero it is');

select * from finish();
rollback;
