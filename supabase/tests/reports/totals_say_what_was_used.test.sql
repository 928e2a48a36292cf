begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada');
select tests.create_model('echo');
select tests.track('acme', '{"classes": {"cache_read": 400, "reasoning": 30}, "duration_ms": 100}');
select tests.track('acme', '{"status": "failed", "duration_ms": 300}');
select tests.track('acme', '{"model": "mute"}');

select tests.act_as('ada');
create temporary table totals as
select * from public.usage_totals(tests.id_of('acme'), now() - interval '1 hour', now() + interval '1 hour');
select is(
  (select array[request_count, total_input_tokens, total_output_tokens, total_tokens, cache_read_tokens, reasoning_tokens, unpriced_count]
   from totals), array[3, 3000, 300, 3300, 400, 30, 1]::bigint[], 'calls and tokens');
select is((select total_cost_usd from totals), (select sum(cost_usd) from public.token_usage), 'cost');
select is(
  (select array[success_rate::text, status_breakdown::text, average_duration_ms::text] from totals),
  array['66.67', '{"failed": 1, "success": 2}', '200.0'], 'how calls ended, how long they took');
select is(
  (select array[request_count, total_cost_usd, success_rate]
   from public.usage_totals(tests.id_of('acme'), now() - interval '9 hours', now() - interval '8 hours')),
  array[0, 0, null]::numeric[], 'of nothing there is one row, too');

select * from finish();
rollback;
