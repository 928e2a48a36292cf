begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.track('acme', jsonb_build_object('created_at', e.at, 'input_tokens', e.tokens, 'output_tokens', 0))
from (values (timestamptz '2026-11-09T10:10Z', 100), ('2026-11-09T10:50Z', 100), ('2026-11-09T15:00Z', 150), ('2026-11-11T23:59Z', 170)) as e (at, tokens);
create function pg_temp.peaks(bucket text, measure text, max_rows integer default 10) returns text language sql as $$
  select string_agg(to_char(p.local_start, 'DD HH24'), ', ' order by place)
  from public.usage_peaks(tests.id_of('acme'), '2026-11-01Z', '2026-12-01Z', '{}', 'UTC', peaks.bucket, peaks.measure, peaks.max_rows)
    with ordinality as p (bucket_start, bucket_end, local_start, a, b, c, d, e, place)
$$;

select is(pg_temp.peaks('hour', 'total_tokens'), '09 10, 11 23, 09 15', 'hours; empty ones are none');
select is(pg_temp.peaks('hour', 'request_count', 1), '09 10', 'as many as are asked for');
select is(pg_temp.peaks('day', 'total_cost_usd'), '09 00, 11 00', 'days');

select * from finish();
rollback;
