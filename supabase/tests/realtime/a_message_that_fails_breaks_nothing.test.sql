begin;
select plan(2);

-- As much of Supabase Realtime as is used.
drop schema if exists realtime cascade;
create schema realtime;
grant usage on schema realtime to authenticated;
create table realtime.messages (
  topic text, extension text, payload jsonb, event text, private boolean);
alter table realtime.messages enable row level security;
grant select on realtime.messages to authenticated;
create function realtime.topic() returns text language sql stable
as $$ select nullif(current_setting('realtime.topic', true), '') $$;
create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language plpgsql volatile
as $$ begin raise exception 'no partition of relation "messages" found for row'; end $$;

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'daily', 1, 'requests', alert_thresholds => '{100}');
select tally.enable_realtime();

select tests.track('acme');
select lives_ok($$ select tally.fold(tests.id_of('acme')) $$, 'a message that cannot be sent stops no fold');
select is(count(*), 1::bigint, 'and no alert') from public.usage_alerts
where organization_id = tests.id_of('acme');

select * from finish();
rollback;
