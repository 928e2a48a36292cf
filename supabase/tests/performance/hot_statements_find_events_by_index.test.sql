begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'admin');
select tests.create_model('echo', '{"input": 1, "output": 10}');
select public.set_quota(tests.id_of('acme'), 'monthly', 1000);
-- Enough rows, on both sides of a month, that a scan of all would be a choice.
insert into public.token_usage (organization_id, id, created_at, input_tokens, output_tokens, provider, model, classes)
select tests.id_of('other ' || i % 50), tally.uuid_v7(t.at), t.at, 1, 1, 'lab', 'echo', '{"input": 1, "output": 1}'
from generate_series(1, 20000) as i
cross join lateral (select date_trunc('milliseconds', now() - i * interval '2 minutes') as at) as t;
analyze public.token_usage;

create function pg_temp.scans() returns table (partition text, seq_scan bigint, idx_scan bigint) language sql as $$
  select relname::text, seq_scan, idx_scan from pg_stat_xact_all_tables
  where schemaname = 'tally' and relname like 'token\_usage\_%'
$$;
create temporary table before as select * from pg_temp.scans();

create function pg_temp.ask(report text) returns bigint language plpgsql as $$
declare
  v_rows bigint;
begin
  execute format($q$ select count(*) from public.%s(%L, now() - interval '7 days', now()) $q$, report, tests.id_of('acme'))
  into v_rows;
  return v_rows;
end;
$$;

select tests.hold('acme') as hold \gset
select public.settle_usage(:'hold', '{"input_tokens": 1000, "output_tokens": 10}');
select tests.track('acme', '{"idempotency_key": "once"}');
select tests.track('acme', '{"idempotency_key": "once"}');
select public.track_usage_batch(jsonb_build_array(tests.event_of('acme'), tests.event_of('acme')));
select * from public.check_quota(tests.id_of('acme'), 'lab', 'echo', 1);
select tally.tick();
select is_empty(
  'select partition from pg_temp.scans() as s join before as b using (partition) where s.seq_scan > b.seq_scan',
  'recording, settling, checking and folding scan no partition');

select tests.track('acme');
select tests.act_as('ada');
select cmp_ok(sum(pg_temp.ask(r)), '>', 0::numeric, 'each report answers')
from unnest(array['usage_totals', 'usage_breakdown', 'usage_timeseries', 'usage_statistics', 'usage_trends', 'usage_peaks',
  'usage_forecast', 'usage_anomalies', 'top_users', 'top_packages']) as r;
select count(*) from public.usage_summary where organization_id = tests.id_of('acme');
select tests.act_as_owner();
select is_empty(
  'select partition from pg_temp.scans() as s join before as b using (partition) where s.seq_scan > b.seq_scan',
  'no report scans a partition');
select is_empty(
  format($$
    select s.partition from pg_temp.scans() as s join before as b using (partition)
    where s.idx_scan > b.idx_scan and s.partition not in (%L, %L)
  $$, 'token_usage_' || to_char(now() at time zone 'UTC', 'YYYY_MM'),
    'token_usage_' || to_char((now() - interval '7 days') at time zone 'UTC', 'YYYY_MM')),
  'and none looks into a month that it does not ask for');

select * from finish();
rollback;
