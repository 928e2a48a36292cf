begin;
select plan(7);

select tests.create_organization('acme'), tests.create_organization('other');
select tests.create_member('acme', 'ada', 'admin'), tests.create_member('acme', 'bob');
select public.set_gateway_policy(tests.id_of('acme'), '{"max_retries": 2, "fallback_models": {"gpt-5": "gpt-5-mini"}}');
select is(public.set_gateway_policy(tests.id_of('acme'), '{"max_retries": null, "max_call_cost": 0.5}') - 'organization_id',
  '{"managed_by": "operator", "allowed_models": null, "requests_per_minute": null, "max_call_cost": 0.5, "max_retries": null, "fallback_models": {"gpt-5": "gpt-5-mini"}, "unsettled_holds": null}',
  'what is not named stays, null takes away');
select is(tests.error_of($$ select public.set_gateway_policy(tests.id_of('acme'), '{"max_cost": 1}') $$) ->> 'detail', 'max_cost', 'a misspelt key is named');
select is(tests.error_of($$ select public.set_gateway_policy(tests.id_of('acme'), '{"fallback_models": {"a": "a"}}') $$) ->> 'code', 'PT400', 'a model is no fallback of itself');
select is(tests.error_of($$ select public.set_gateway_policy(tests.id_of('acme'), '{"max_retries": 9}') $$) ->> 'detail', 'max_retries', 'limits hold');
select tests.act_as('bob');
select is(tests.error_of($$ select public.set_gateway_policy(tests.id_of('acme'), '{}') $$) ->> 'code', 'PT403', 'a member sets nothing');
select is((select count(*) from public.gateway_policies), 1::bigint, 'but reads his organization''s policy');
select tests.act_as('ada');
select is(tests.error_of($$ select public.set_gateway_policy(tests.id_of('other'), '{}') $$) ->> 'code', 'PT403', 'an admin is none elsewhere');

select * from finish();
rollback;
