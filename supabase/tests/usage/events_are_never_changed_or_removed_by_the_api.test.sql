begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'owner');
select tests.track('acme');

select tests.act_as_service();

select is(tests.codes_of('update public.token_usage set cost_usd = 0', 'delete from public.token_usage',
  'truncate public.token_usage'), array['42501', '42501', '42501'], 'not even with the secret key');

select * from finish();
rollback;
