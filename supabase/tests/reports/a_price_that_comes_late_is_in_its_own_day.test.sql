begin;
select plan(2);

select tests.create_organization('acme');
select tests.track('acme', jsonb_build_object('created_at', date_trunc('day', now(), 'UTC') - interval '51 hours'));
select tally.tick();
select tests.create_model('echo');
select public.rerate_usage('{}', 'priced late');
create function pg_temp.costs() returns numeric[] language sql as $$
  select array_agg(trim_scale(s.total_cost_usd) order by s.bucket_start)
  from public.usage_timeseries(tests.id_of('acme'), date_trunc('day', now(), 'UTC') - interval '4 days', date_trunc('day', now(), 'UTC'), '{}', 'UTC') as s
$$;

select is(pg_temp.costs(), array[0, 0.002, 0, 0], 'the difference counts when the event happened');
select tally.tick();
select is(pg_temp.costs(), array[0, 0.002, 0, 0], 'folded or not');

select * from finish();
rollback;
