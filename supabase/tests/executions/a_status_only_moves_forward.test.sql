begin;
select plan(6);

select tests.create_organization('acme');
create function pg_temp.log(said jsonb) returns text language sql as $$
  select public.log_execution('{"package_name": "resolver"}' || said
    || jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tests.id_of('run'))) ->> 'status'
$$;

select is(pg_temp.log('{"status": "queued"}'), 'queued', 'it waits');
select is(pg_temp.log('{"status": "running"}'), 'running', 'it runs');
select is(pg_temp.log('{"status": "failed", "error": "no ticket"}'), 'failed', 'it ends');
select is(pg_temp.log('{"status": "running", "model": "echo"}'), 'failed', 'a word that comes late does not take the end back');
select is(
  tests.error_of('select pg_temp.log(''{"status": "success"}'')') ->> 'code', 'PT409', 'nor is there another end');
select is(
  (select array[error, model] from public.executions), array['no ticket', 'echo'],
  'what was told late is added, nothing is lost');

select * from finish();
rollback;
