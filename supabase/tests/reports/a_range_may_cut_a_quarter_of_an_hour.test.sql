begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.track('acme', jsonb_build_object('input_tokens', n,
  'created_at', timestamptz '2026-11-10T12:00:00Z' + n * interval '1 minute')) from generate_series(0, 59) as n;
select tally.tick();
select tests.track('acme', '{"input_tokens": 1000, "created_at": "2026-11-10T12:20:30Z"}');
create function pg_temp.total(starts_at text, ends_at text) returns bigint language sql as $$
  select t.total_input_tokens
  from public.usage_totals(tests.id_of('acme'), starts_at::timestamptz, ends_at::timestamptz) as t
$$;

select is(pg_temp.total('2026-11-10T12:07:00Z', '2026-11-10T12:50:00Z'), (1000 + (7 + 49) * 43 / 2)::bigint, 'exact to the millisecond');
select is(pg_temp.total('2026-11-10T12:20:30.000Z', '2026-11-10T12:20:30.001Z'), 1000::bigint, 'within one of them, too');
select is(pg_temp.total('2026-11-10T12:20:30.001Z', '2026-11-10T12:21:00Z'), 0::bigint, 'the end is not in it, the start is');

select * from finish();
rollback;
