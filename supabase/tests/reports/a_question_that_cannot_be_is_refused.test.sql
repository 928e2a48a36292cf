begin;
select plan(1);

select tests.create_organization('acme');
create function pg_temp.complaint(call text) returns text language sql as $$
  select (e ->> 'code') || ' ' || (e ->> 'detail') from tests.error_of('select * from public.' || call) as e
$$;
create temporary table calls (place integer, call text);
insert into calls
select c.place, format(c.call, quote_literal(tests.id_of('acme')) || '::uuid') from (values
  (1, 'usage_totals(%s, ''2026-11-02'', ''2026-11-01'')'),
  (2, 'usage_totals(%s, ''2026-11-02'', ''2026-11-02'')'),
  (3, 'usage_totals(%s, ''-infinity'', ''2026-11-02'')'),
  (4, 'usage_totals(%s, null, ''2026-11-02'')'),
  (5, 'usage_totals(%s, ''2010-11-02'', ''2026-11-02'')'),
  (6, 'usage_totals(%s, ''1990-11-02'', ''1990-11-03'')'),
  (7, 'usage_totals(%s, ''2026-11-01'', ''2026-11-02'', ''{"modle": "x"}'')'),
  (8, 'usage_totals(%s, ''2026-11-01'', ''2026-11-02'', ''{"model": {}}'')'),
  (9, 'usage_totals(%s, ''2026-11-01'', ''2026-11-02'', ''{"model": []}'')'),
  (10, 'usage_totals(%s, ''2026-11-01'', ''2026-11-02'', ''{"user_id": "ada"}'')'),
  (11, 'usage_totals(%s, ''2026-11-01'', ''2026-11-02'', ''[]'')'),
  (12, 'usage_totals(%s, ''2026-11-01'', ''2026-11-02'', timezone => ''Mars/Olympus'')'),
  (13, 'usage_breakdown(%s, ''2026-11-01'', ''2026-11-02'', dimension => ''colour'')'),
  (14, 'usage_breakdown(%s, ''2026-11-01'', ''2026-11-02'', dimension => null)'),
  (15, 'usage_breakdown(%s, ''2026-11-01'', ''2026-11-02'', max_rows => 0)'),
  (16, 'usage_timeseries(%s, ''2026-11-01'', ''2026-11-02'', bucket => ''fortnight'')'),
  (17, 'usage_timeseries(%s, ''2020-11-01'', ''2026-11-02'', bucket => ''hour'')'),
  (18, 'usage_trends(%s, ''2026-11-01'', ''2026-11-02'', measure => ''colour'')'),
  (19, 'usage_peaks(%s, ''2026-11-01'', ''2026-11-02'', measure => ''colour'')'),
  (20, 'usage_statistics(%s, ''2026-11-01'', ''2026-11-02'', bucket => null)'),
  (21, 'usage_forecast(%s, ''2026-11-01'', ''2026-12-01'', measure => ''colour'')'),
  (22, 'usage_forecast(%s, ''2026-11-01'', ''2026-12-01'', at => null)'),
  (23, 'usage_anomalies(%s, ''2026-11-01'', ''2026-12-01'', threshold => 0)'),
  (24, 'top_users(%s, ''2026-11-01'', ''2026-12-01'', max_rows => 100000)'),
  (25, 'top_packages(%s, ''2026-11-01'', ''2026-12-01'', ''{"model": "x"}'')'),
  (26, 'execution_statistics(%s, ''2026-11-01'', ''2026-12-01'', ''{"status": 1}'')'),
  (27, 'usage_forecast(%s, ''2026-11-01'', ''2026-12-01'', at => ''4713-01-01 BC'')')) as c (place, call);

select results_eq('select pg_temp.complaint(call) from calls order by place', $$
  select 'PT400 ' || d from unnest(array['starts_at, ends_at', 'starts_at, ends_at', 'starts_at, ends_at',
    'starts_at, ends_at', 'starts_at, ends_at', 'starts_at, ends_at', 'filters.modle', 'filters.model', 'filters.model',
    'filters.user_id', 'filters', 'timezone', 'dimension', 'dimension', 'max_rows', 'bucket', 'bucket', 'measure',
    'measure', 'bucket', 'measure', 'at', 'threshold', 'max_rows', 'filters.model', 'filters.status', 'at']) as d $$,
  'what cannot be asked is refused by its name');

select * from finish();
rollback;
