-- Rows that only functions keep true: an HTTP client with the secret key cannot edit them either.
begin;
select plan(1);

select is_empty(
  $$
    select t.name, p.privilege
    from unnest(array['token_usage', 'usage_holds', 'cost_estimates', 'api_keys']) as t (name)
    cross join unnest(array['insert', 'update', 'delete', 'truncate']) as p (privilege)
    where has_table_privilege('service_role', 'public.' || t.name, p.privilege)
  $$,
  'events, holds, cards and keys are written by functions alone');

select * from finish();
rollback;
