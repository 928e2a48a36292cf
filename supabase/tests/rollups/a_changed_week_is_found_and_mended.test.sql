begin;
select plan(8);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 10}');
select tests.track('acme', jsonb_build_object('user_id', tests.id_of('user ' || i % 2),
  'created_at', now() - i * interval '20 hours')) from generate_series(0, 20) as i;
select tally.tick();
create function pg_temp.found() returns setof text language sql as $$
  select distinct v.rollup || ' ' || v.measure from public.verify_rollup() as v
$$;

select is_empty('select * from public.verify_rollup()', 'weeks are the sum of their days');
update tally.usage_rollups set input_tokens = 0 where minutes = 1440 and actor_id <> 0 and dimension_id = 0;
select set_eq('select pg_temp.found()', array['usage by day input_tokens'],
  'what the days should be counts, not what they are');
select public.repair_rollup();
update tally.usage_rollups set cost_usd = cost_usd + 1
where minutes = 10080 and bucket_start = (select min(bucket_start) from tally.usage_rollups where minutes = 10080);
select set_eq('select pg_temp.found()', array['usage by week cost_usd'], 'a changed week is named');
select is(public.repair_rollup(), 1, 'is made again');
select is_empty('select * from public.verify_rollup()', 'as its days say');

delete from tally.usage_rollups where minutes = 10080 and actor_id = (select min(id) from tally.usage_actors);
select ok('usage by week request_count' in (select pg_temp.found()), 'so is a lost one');
insert into tally.usage_rollups
select organization_id, 77, 10080, bucket_start, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
from tally.usage_rollups where minutes = 10080 limit 1;
select bag_has('select rollup, subject, measure, expected, actual from public.verify_rollup()',
  $$ values ('usage by week', 'dimension 0, actor 77', 'request_count', 0.0, 1.0) $$, 'and one too many');
select public.repair_rollup();
select is_empty('select * from public.verify_rollup()', 'which are mended as well');

select * from finish();
rollback;
