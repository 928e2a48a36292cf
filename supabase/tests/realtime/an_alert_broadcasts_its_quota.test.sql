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
select public.set_quota(tests.id_of('acme'), 'daily', 4, 'requests');
select is(tally.enable_realtime(), true, 'where the server has Realtime, it is enabled');
select is(tally.enable_realtime(), true, 'as often as one likes');

insert into public.usage_alerts (organization_id, quota_id, kind, threshold, level, metric, quota_type,
  quota_limit, current_usage, period_start)
select q.organization_id, q.id, 'threshold', t, 'warning', q.metric, q.quota_type, 4, 3, q.period_start
from public.usage_quotas as q, unnest(array[50, 75]) as t
where q.organization_id = tests.id_of('acme');

select results_eq(
  $$ select topic, event, payload, private from realtime.messages $$,
  $$
    select 'tallybase:organization:' || q.organization_id, 'quota',
      jsonb_build_object('quota_id', q.id, 'period_start', q.period_start), true
    from public.usage_quotas as q where q.organization_id = tests.id_of('acme')
  $$,
  'two alerts of one quota are one message on the private channel of the organization');

select tally.broadcast_quotas(tests.id_of('acme'), '{}');
select tally.broadcast_quotas(tests.id_of('acme'), array[gen_random_uuid()]);
select is(count(*), 1::bigint, 'no quota, no message') from realtime.messages;

select * from finish();
rollback;
