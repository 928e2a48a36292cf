begin;
select plan(5);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.assign_plan(tests.id_of('acme'), 'free');
select tests.track('acme', '{"input_tokens": 90000, "output_tokens": 0}');

select is(tests.reserve('acme', '{"estimated_cost": 0, "estimated_tokens": 20000}') -> 'allowed', 'false', 'free is nearly used up');
select public.assign_plan(tests.id_of('acme'), 'pro');
select is(tests.reserve('acme', '{"estimated_cost": 0, "estimated_tokens": 20000}') -> 'allowed', 'true', 'pro has room');
select is(
  (select current_usage from public.quota_status(tests.id_of('acme')) where metric = 'total_tokens'), 90000::numeric,
  'what was used stays used');
select tests.track('acme', '{"input_tokens": 60000, "output_tokens": 0}');
select is(
  public.assign_plan(tests.id_of('acme'), 'free') #>> '{exceeded,0,current_usage}', '150000', 'a downgrade says what is over');
select is(
  tests.reserve('acme', '{"estimated_cost": 0, "estimated_tokens": 1}') #>> '{blocked_by,metric}', 'total_tokens',
  'and refuses, naming it');

select * from finish();
rollback;
