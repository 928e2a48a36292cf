begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo');
select tests.track('acme', jsonb_build_object('tool_name', 't' || n % 2, 'input_tokens', n,
  'created_at', now() - n % 3 * interval '1 day')) from generate_series(1, 12) as n;

select results_eq(
  'select sum(request_count), sum(total_input_tokens), sum(total_output_tokens), sum(total_tokens), sum(total_cost_usd)
   from public.usage_summary',
  'select count(*)::numeric, sum(input_tokens), sum(output_tokens), sum(total_tokens), sum(cost_usd)
   from public.token_usage',
  'calls, tokens and cost');

select * from finish();
rollback;
