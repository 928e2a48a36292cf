begin;
select plan(1);

select is(
  array(
    select r.role from unnest(array['anon', 'authenticated', 'service_role']) as r (role)
    where has_function_privilege(r.role, 'tally.verify_api_key(text)', 'execute')),
  array['service_role'], 'nobody else may try keys');

select * from finish();
rollback;
