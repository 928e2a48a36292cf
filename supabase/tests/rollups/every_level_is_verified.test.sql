begin;
select plan(6);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_model('echo');
select tests.track(case when i % 3 = 0 then 'globex' else 'acme' end, jsonb_build_object('duration_ms', 40 * i,
  'tool_name', (array['a', 'b'])[1 + i % 2], 'user_id', tests.id_of('user ' || i % 2),
  'created_at', now() - i * interval '11 hours')) from generate_series(0, 20) as i;
select tally.tick();

-- What verify_rollup() names when a statement was run on one row, which is then undone.
create function pg_temp.named_after(statement text) returns text language plpgsql as $$
declare
  v_named text;
begin
  execute statement;
  select string_agg(distinct v.rollup, ', ') into v_named from public.verify_rollup() as v;
  raise sqlstate 'UNDO1' using message = coalesce(v_named, '');
exception when sqlstate 'UNDO1' then
  return sqlerrm;
end;
$$;
create temporary table usage_levels as
select r.minutes, r.actor_id <> 0 as is_of_actor, r.dimension_id <> 0 as is_of_dimension, min(r.ctid) as row,
  'usage by ' || case r.minutes when 15 then '15 minutes' when 60 then 'hour' when 1440 then 'day' else 'week' end as name
from tally.usage_rollups as r group by 1, 2, 3;
create temporary table duration_levels as
select r.minutes, r.dimension_id <> 0 as is_of_dimension, min(r.ctid) as row,
  'durations by ' || case r.minutes when 15 then '15 minutes' when 60 then 'hour' else 'day' end as name
from tally.duration_rollups as r group by 1, 2;
create function pg_temp.failing(statement text) returns bigint language sql as $$
  select count(*)
  from (
    select 'usage' as kind, u.minutes, u.is_of_actor, u.is_of_dimension, u.row, u.name from usage_levels as u
    union all
    select 'duration', d.minutes, null, d.is_of_dimension, d.row, d.name from duration_levels as d
  ) as l
  where pg_temp.named_after(format(statement, l.kind, format('minutes = %s and (dimension_id <> 0) = %L and ctid = %L%s',
    l.minutes, l.is_of_dimension, l.row, ' and (actor_id <> 0) = ' || quote_literal(l.is_of_actor)))) not like '%' || l.name || '%'
$$;

select is((select count(*) from usage_levels), 11::bigint, 'uses are kept at eleven levels');
select is((select count(*) from duration_levels), 4::bigint, 'durations at four');
select is(pg_temp.failing('select from tally.%1$s_rollups where %2$s'), 15::bigint, 'none of them is named without a cause');
select is(pg_temp.failing('update tally.%1$s_rollups set request_count = request_count + 1 where %2$s'), 0::bigint,
  'a changed row is found at each');
select is(pg_temp.failing('delete from tally.%1$s_rollups where %2$s'), 0::bigint, 'and a lost one');
select is(pg_temp.failing('update tally.%1$s_rollups set dimension_id = case dimension_id when 0 then 99 else dimension_id + 99 end where %2$s
  and minutes < 10080'), 1::bigint, 'and one too many (of weeks, which it leaves alone, another test says so)');

select * from finish();
rollback;
