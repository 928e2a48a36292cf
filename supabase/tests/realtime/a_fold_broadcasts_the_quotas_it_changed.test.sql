begin;
select plan(2);

drop schema if exists realtime cascade;
create schema realtime;
create table realtime.sent (payload jsonb, event text, topic text, private boolean);
create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language sql volatile
as $$ insert into realtime.sent values (send.payload, send.event, send.topic, send.private) $$;

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'daily', 10, 'requests');
select public.set_quota(tests.id_of('acme'), 'daily', 10, 'requests', scope => '{"model": "another"}');

select tests.track('acme');
select tally.fold(tests.id_of('acme'));
select results_eq(
  $$ select payload -> 'quota_id', event, topic, private from realtime.sent $$,
  $$
    select to_jsonb(id), 'quota', 'tallybase:organization:' || organization_id, true
    from public.usage_quotas where organization_id = tests.id_of('acme') and model is null
  $$, 'the quota that the event counts in, to the listeners of its organization');
select tally.fold(tests.id_of('acme'));
select is((select count(*)::integer from realtime.sent), 1, 'and nothing when nothing changed');

select * from finish();
rollback;
