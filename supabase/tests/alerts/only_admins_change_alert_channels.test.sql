begin;
select plan(5);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_member('acme', 'ada', 'admin');
select tests.create_member('acme', 'bob');
select tests.create_member('globex', 'gus', 'owner');
select public.set_alert_channel(tests.id_of('acme'), 'webhook', 'https://hooks.acme.test/a') ->> 'id' as channel \gset
select public.set_quota(tests.id_of('acme'), 'monthly', 0);
insert into public.usage_alerts (organization_id, quota_id, kind, threshold, level, metric, quota_type, quota_limit,
  current_usage, period_start)
select organization_id, id, 'threshold', 100, 'exceeded', metric, quota_type, quota_limit, 0, period_start
from public.usage_quotas;
select id as delivery from tally.alert_deliveries \gset

create function pg_temp.attempts(channel uuid, delivery uuid) returns text[] language sql as $$
  select tests.codes_of(
    format('select public.set_alert_channel(%L, ''email'', ''ops@acme.test'')', tests.id_of('acme')),
    format('select public.rotate_alert_secret(%L)', channel),
    format('select public.enable_alert_channel(%L)', channel),
    format('select public.retry_alert(%L)', delivery),
    format('select public.remove_alert_channel(%L)', channel))
$$;

select tests.act_as('bob');
select is(pg_temp.attempts(:'channel', :'delivery'), array_fill('PT403'::text, array[5]), 'a member may not');
select tests.act_as('gus');
select is(pg_temp.attempts(:'channel', :'delivery'), array_fill('PT403'::text, array[5]),
  'nor an owner of another organization');
select tests.act_as_anonymous();
select is(pg_temp.attempts(:'channel', :'delivery'), array_fill('42501'::text, array[5]), 'nor who is not signed in');
select tests.act_as('ada');
select is(pg_temp.attempts(:'channel', :'delivery'), array_fill('ok'::text, array[5]), 'an admin may');
select tests.act_as_service();
select is(pg_temp.attempts(:'channel', :'delivery'), '{ok,PT404,PT404,PT404,PT404}',
  'the operator may, and is told what does not exist');

select * from finish();
rollback;
