begin;
select plan(21);

-- What a server lacks has a stand-in here: the shapes are those of pg_cron, pg_net and the vault.
do $stubs$
begin
  if to_regprocedure('cron.schedule(text,text,text)') is null then
    create schema cron;
    create table cron.job (jobid bigint generated always as identity, jobname text unique, schedule text, command text);
    create table cron.job_run_details (end_time timestamptz);
    create function cron.schedule(job_name text, schedule text, command text) returns bigint language sql
    as $$
      insert into cron.job (jobname, schedule, command) values (job_name, schedule, command)
      on conflict (jobname) do update set schedule = excluded.schedule, command = excluded.command returning jobid
    $$;
    create function cron.unschedule(job_id bigint) returns boolean language sql
    as 'delete from cron.job where jobid = job_id returning true';
  end if;
  if to_regclass('vault.secrets') is null then
    create schema vault;
    create table vault.secrets (id uuid primary key default gen_random_uuid(), name text unique, secret text);
    create view vault.decrypted_secrets as select id, name, secret as decrypted_secret from vault.secrets;
    create function vault.create_secret(new_secret text, new_name text, new_description text) returns uuid language sql
    as 'insert into vault.secrets (secret, name) values (new_secret, new_name) returning id';
    create function vault.update_secret(secret_id uuid, new_secret text) returns void language sql
    as 'update vault.secrets set secret = new_secret where id = secret_id';
  end if;
end;
$stubs$;
create function pg_temp.error() returns jsonb language sql
as $$ select tests.error_of('select public.schedule_functions(''https://p.example.com/functions/v1'', ''sb_secret_1'')') $$;

drop schema if exists net cascade;
select is(pg_temp.error() - 'hint', '{"code": "PT503", "message": "This database cannot call functions by itself: it lacks pg_net.", "detail": "pg_net", "constraint": ""}',
  'what is missing is named');
create schema net;
create table net.http_request_queue (id bigint generated always as identity, url text, headers jsonb, timeout_milliseconds integer);
create function net.http_post(url text, body jsonb default '{}', params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds integer default 5000) returns bigint language sql
as 'insert into net.http_request_queue (url, headers, timeout_milliseconds) values (url, headers, timeout_milliseconds) returning id';

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'owner');
select tests.act_as('ada');
select is(pg_temp.error() ->> 'code', 'PT403', 'an owner schedules nothing');
select is(tests.error_of('select public.unschedule_functions()') ->> 'code', 'PT403', 'and ends nothing');
select is(tests.error_of('select tally.call_function(''alerts'')') ->> 'code', '42501', 'nor does the API call functions');
select tests.act_as_service();
select is(tests.error_of('select tally.call_function(''alerts'')') ->> 'code', '42501', 'not even with the secret key');
select is(tests.error_of('select public.schedule_functions(''https://p.example.com'')') ->> 'detail', 'secret_key', 'a key is needed once');
select is(tests.error_of('select public.schedule_functions(''p.example.com'', ''x'')') ->> 'detail', 'functions_url', 'and a URL each time');
select is(tests.error_of('select public.schedule_functions(''http://p.example.com/functions/v1'', ''x'')') ->> 'detail', 'functions_url',
  'the key is not sent unencrypted');
select lives_ok($$ select public.schedule_functions('http://kong:8000/functions/v1', 'sb_secret_0') $$, 'but within the machine');
select is(public.schedule_functions('https://p.example.com/functions/v1/', ' sb_secret_1 ') ->> 'functions_url',
  'https://p.example.com/functions/v1', 'the operator schedules them, by the secret key too');
select lives_ok($$ select public.schedule_functions('https://q.example.com/functions/v1') $$, 'and may again, without the key');
select tests.act_as_owner();

select set_eq($$ select jobname, command from cron.job where jobname <> 'tallybase cron history' $$, $$
  values ('tallybase tick', 'select tally.tick()'), ('tallybase alerts', 'select tally.call_function(''alerts'')'),
    ('tallybase stripe-report', 'select tally.call_function(''stripe-report'')') $$, 'each is one job');
select is((select schedule from cron.job where jobname = 'tallybase stripe-report'), '* * * * *', 'usage is reported each minute');
select is((select count(*) from vault.secrets where name like 'tallybase%'), 2::bigint, 'nothing is in the vault twice');

select is(tally.call_function('stripe-report'), null, 'with nothing to report nobody is called');
select public.set_billing_meter('spend', 'cost_usd');
select public.set_billing_customer(tests.id_of('acme'), 'cus_1');
select isnt(tally.call_function('stripe-report'), null, 'when there is something');
select is((select jsonb_agg(to_jsonb(q) - 'id') from net.http_request_queue as q), jsonb_build_array(jsonb_build_object(
  'url', 'https://q.example.com/functions/v1/stripe-report', 'timeout_milliseconds', 60000,
  'headers', '{"apikey": "sb_secret_1", "content-type": "application/json"}'::jsonb)), 'the function is, with the secret key');
select is(tally.call_function('alerts'), null, 'another one is not');

select is(public.unschedule_functions(), 2, 'both can be ended');
select is(public.unschedule_functions(), 0, 'once');
select is_empty($$ select from vault.secrets where name like 'tallybase%' $$, 'and no key stays behind');

select * from finish();
rollback;
