begin;
select plan(2);

select tests.create_organization('strict');
select public.set_quota(tests.id_of('strict'), 'monthly', 10);
select public.set_gateway_policy(tests.id_of('strict'), '{"unsettled_holds": "settle"}');
select public.reserve_usage(jsonb_build_object('organization_id', tests.id_of('strict'), 'provider', 'openai',
  'model', 'gpt-4o', 'input_tokens', 1000, 'max_output_tokens', 500, 'expires_in', 60));
update public.usage_holds set expires_at = now() - interval '1 second';

select tally.tick();
select is((select cost_usd from public.token_usage), 0.0075, 'at its upper bound');
select is((select remaining from public.check_quota(tests.id_of('strict'), 'openai', 'gpt-4o', 0)), 9.9925,
  'and in the same run it counts');

select * from finish();
rollback;
