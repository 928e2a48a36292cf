begin;
select plan(4);

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
returns void language sql volatile
as $$ insert into realtime.messages values (topic, 'broadcast', payload, event, private) $$;

select tests.create_organization('acme');
select tests.create_organization('rival');
select tests.create_member('acme', 'ada');
select tally.enable_realtime();
insert into realtime.messages values
  ('tallybase:organization:' || tests.id_of('acme'), 'broadcast', '{}', 'quota', true);

-- A listener joins a topic: Realtime asks the policies with the topic as a setting.
create function tests.hears(organization text) returns boolean language sql volatile as $$
  select set_config('realtime.topic', 'tallybase:organization:' || tests.id_of(organization), true);
  select exists (select from realtime.messages);
$$;

select tests.act_as('ada');
select ok(tests.hears('acme'), 'a member listens to the own organization');
select ok(not tests.hears('rival'), 'but not to another');
select set_config('realtime.topic', 'tallybase:organization:', true);
select is_empty($$ select from realtime.messages $$, 'nor to all');

select tests.act_as_owner();
select tests.create_user('eve');
select tests.act_as('eve');
select ok(not tests.hears('acme'), 'and who is no member hears nothing');

select * from finish();
rollback;
