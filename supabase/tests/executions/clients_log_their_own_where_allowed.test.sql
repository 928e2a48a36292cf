begin;
select plan(5);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada');
select tests.create_member('acme', 'ben');
create function pg_temp.code(run text, said jsonb) returns text language sql as $$
  select coalesce(tests.error_of(format('select public.log_execution(%L)', jsonb_build_object(
    'organization_id', tests.id_of('acme'), 'id', tests.id_of(run), 'package_name', 'resolver') || said)) ->> 'code', 'ok')
$$;

select tests.act_as('ada');
select is(pg_temp.code('one', '{}'), 'PT403', 'members do not log');
select tests.act_as_owner();
update public.organizations set allow_client_tracking = true;
select tests.act_as('ada');
select is(pg_temp.code('one', '{}'), 'ok', 'unless their organization lets them');
select is(
  pg_temp.code('two', jsonb_build_object('user_id', tests.id_of('ben'))), 'PT403', 'in nobody else''s name');
select is(pg_temp.code('two', jsonb_build_object('api_key_id', tests.id_of('key'))), 'PT403', 'in no key''s name');
select tests.act_as('ben');
select is(pg_temp.code('one', '{"status": "failed"}'), 'PT403', 'and no run of another');

select * from finish();
rollback;
