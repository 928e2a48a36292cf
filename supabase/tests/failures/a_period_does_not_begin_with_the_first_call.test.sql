-- Budgets were reset at 15:43 because the first call had come then; others were never reset.
begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'daily', 10, 'requests');
select tests.track('acme');

select results_eq(
  $$ select period_start, reset_at from public.usage_quotas where organization_id = tests.id_of('acme') $$,
  $$ select date_trunc('day', now(), 'UTC'), date_trunc('day', now(), 'UTC') + interval '1 day' $$,
  'https://github.com/BerriAI/litellm/issues/10288');

-- As after three days without a call and without a scheduler.
select tally.fold(tests.id_of('acme'));
update public.usage_quotas
set period_start = period_start - interval '3 days', reset_at = reset_at - interval '3 days', opening_usage = 0
where organization_id = tests.id_of('acme');
delete from public.token_usage where organization_id = tests.id_of('acme');
select is(tests.standing('acme'), '0 used, 0 held, 10 left', 'https://github.com/BerriAI/litellm/issues/24675: nobody has to turn a period');
select tally.fold(tests.id_of('acme'));
select is(
  (select reset_at from public.usage_quotas where organization_id = tests.id_of('acme')),
  date_trunc('day', now(), 'UTC') + interval '1 day', 'and when somebody does, it is the one of today');

select * from finish();
rollback;
