begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.track('acme', jsonb_build_object('created_at', e.day + interval '5 hours', 'input_tokens', e.tokens, 'output_tokens', 0))
from (values (timestamptz '2026-11-08Z', 200), ('2026-11-09Z', 100), ('2026-11-11Z', 50), ('2026-11-12Z', 75)) as e (day, tokens);

select results_eq(
  $$ select t.local_start::date, t.total_tokens, t.previous, t.change, t.percent_change, t.is_complete
     from public.usage_trends(tests.id_of('acme'), '2026-11-09Z', '2026-11-12T12:00Z', measure => 'total_tokens') as t $$,
  $$ values (date '2026-11-09', 100::bigint, 200::numeric, -100::numeric, -50.00, true),
    ('2026-11-10', 0, 100, -100, -100.00, true), ('2026-11-11', 50, 0, 50, null, true), ('2026-11-12', 75, 50, 25, 50.00, false) $$,
  'the first with the day before the range; from nothing there is no percentage; a day that is cut is not complete');
select is(
  (select array_agg(t.percent_change order by t.bucket_start)
   from public.usage_trends(tests.id_of('acme'), '2026-11-02Z', '2026-11-16Z', bucket => 'week', measure => 'request_count') as t),
  array[null, 200.00], 'by week');

select * from finish();
rollback;
