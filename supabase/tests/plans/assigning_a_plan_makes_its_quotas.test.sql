begin;
select plan(3);

select tests.create_organization('acme');
select public.assign_plan(tests.id_of('acme'), 'free');

select results_eq(
  format($$ select metric, resource_type, quota_limit from public.quota_status(%L) order by 1, 2 $$, tests.id_of('acme')),
  $$
    values ('requests', 'agent_execution', 1000::numeric), ('requests', 'api_call', 10000),
      ('total_tokens', 'token', 100000), ('units', 'storage', 1)
  $$, 'the limits of the free plan');
select is(public.assign_plan(tests.id_of('acme'), 'enterprise') -> 'removed', '4', 'enterprise has no limits');
select is(tests.codes_of(format('select public.assign_plan(%L, ''gold'')', tests.id_of('acme'))), array['PT404'],
  'a plan that is not on offer');

select * from finish();
rollback;
