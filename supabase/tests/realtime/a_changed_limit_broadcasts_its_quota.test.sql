begin;
select plan(5);

-- As much of Supabase Realtime as is used.
drop schema if exists realtime cascade;
create schema realtime;
grant usage on schema realtime to authenticated;
create table realtime.messages (
  topic text, extension text, payload jsonb, event text, private boolean);
alter table realtime.messages enable row level security;
create function realtime.topic() returns text language sql stable
as $$ select nullif(current_setting('realtime.topic', true), '') $$;
create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language sql volatile
as $$ insert into realtime.messages values (topic, 'broadcast', payload, event, private) $$;

create function pg_temp.heard() returns setof text language sql volatile as $$
  delete from realtime.messages returning event || ' ' || (payload ->> 'quota_id') || ' ' || topic
$$;

select tests.create_organization('acme');
select tally.enable_realtime();
select public.set_quota(tests.id_of('acme'), 'daily', 4, 'requests') as quota \gset
select format('values (%L)', 'quota ' || :'quota' || ' tallybase:organization:' || tests.id_of('acme')) as message \gset

select results_eq('select pg_temp.heard()', :'message', 'a quota that is made');
select public.set_quota(tests.id_of('acme'), 'daily', 5, 'requests');
select results_eq('select pg_temp.heard()', :'message', 'that gets another limit');
select tests.hold('acme', '{"estimated_cost": 0}');
select is_empty('select pg_temp.heard()', 'not with each call');
update public.usage_quotas set quota_limit = 6 where id = :'quota';
select results_eq('select pg_temp.heard()', :'message', 'whoever changes it');
select public.remove_quota(:'quota');
select results_eq('select pg_temp.heard()', :'message', 'that is removed');

select * from finish();
rollback;
