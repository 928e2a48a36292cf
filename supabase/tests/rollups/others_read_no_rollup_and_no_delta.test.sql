begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_member('acme', 'ada');
select tests.create_member('globex', 'eve', 'owner');
select tests.track('acme');
select tally.tick();
select tests.track('acme');

create function pg_temp.seen() returns bigint[] language sql as $$
  select array[
    (select count(*) from tally.usage_rollups), (select count(*) from tally.usage_dimensions),
    (select count(*) from tally.usage_deltas), (select count(*) from tally.pending_events),
    (select count(*) from tally.pending_buckets), (select count(*) from tally.execution_totals),
    (select count(*) from tally.pending_executions), (select count(*) from public.usage_summary)]
$$;

select tests.act_as('eve');
select is(pg_temp.seen(), '{0,0,0,0,0,0,0,0}'::bigint[], 'the owner of another organization sees nothing of it');
select is(tests.error_of('delete from tally.usage_deltas') ->> 'code', '42501', 'and changes nothing');
select tests.act_as('ada');
select is((pg_temp.seen())[3:3], '{1}'::bigint[], 'a member sees what is pending of his own');
select tests.act_as_anonymous();
select is(tests.error_of('select from tally.usage_rollups') ->> 'code', '42501', 'nobody without signing in');

select * from finish();
rollback;
