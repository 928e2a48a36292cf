begin;
select plan(6);

select tests.create_organization('acme');
update public.organizations set allow_client_tracking = true;
select tests.create_member('acme', 'ada');
select tests.create_member('acme', 'bob');
select tests.create_model('echo');

select tests.act_as('ada');

select is(tests.complaint_about(tests.event_of('acme', '{"cost_usd": 0}')), 'PT400 cost_usd', 'the cost');
select is(tests.complaint_about(tests.event_of('acme', jsonb_build_object('user_id', tests.id_of('bob')))),
  'PT400 user_id', 'another user');
select is(tests.complaint_about(tests.event_of('acme', jsonb_build_object('api_key_id', tests.id_of('key')))),
  'PT400 api_key_id', 'an API key');
select is(
  tests.codes_of(
    format('select tests.reserve(''acme'', ''{"estimated_cost": 1, "user_id": "%s"}'')', tests.id_of('bob')),
    format('select tests.reserve(''acme'', ''{"estimated_cost": 1, "api_key_id": "%s"}'')', tests.id_of('k'))),
  array['PT400', 'PT400'], 'nor in a request');
select is(
  tests.error_of(format('select public.settle_usage(%L, ''{"input_tokens": 1, "cost_usd": 0}'')',
    tests.hold('acme'))) ->> 'detail',
  'cost_usd', 'nor when settling');
select is_empty('select from public.token_usage', 'nothing was written');

select * from finish();
rollback;
