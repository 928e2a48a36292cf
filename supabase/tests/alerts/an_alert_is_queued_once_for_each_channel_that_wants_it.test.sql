begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_model('echo');
select public.set_alert_channel(tests.id_of('acme'), 'email', 'all@acme.test');
select public.set_alert_channel(tests.id_of('acme'), 'email', 'loud@acme.test', levels => '{exceeded}');
select public.set_alert_channel(tests.id_of('acme'), 'email', 'pace@acme.test', kinds => '{forecast}');
select public.set_alert_channel(tests.id_of('acme'), 'email', 'off@acme.test', enabled => false);
select public.set_alert_channel(tests.id_of('globex'), 'email', 'all@globex.test');
-- A call costs 0.002.
select public.set_quota(tests.id_of('acme'), 'monthly', 0.002, enforcement => 'soft', alert_thresholds => '{80,100}');

create function pg_temp.queued() returns text language sql as $$
  select string_agg(format('%s: %s%%', c.target, a.threshold), ', ' order by c.target, a.threshold)
  from tally.alert_deliveries as d
  join public.usage_alerts as a on a.organization_id = d.organization_id and a.id = d.alert_id
  join public.alert_channels as c on c.organization_id = d.organization_id and c.id = d.channel_id
  where a.kind = 'threshold'
$$;

select is(pg_temp.queued(), null, 'nothing before the crossing');
select tests.track('acme');
select tally.fold(tests.id_of('acme'));
select is(pg_temp.queued(), 'all@acme.test: 80%, all@acme.test: 100%, loud@acme.test: 100%',
  'each crossing once for each channel that names its kind and level and is on');
select tests.track('acme');
select tally.fold(tests.id_of('acme'));
select is(pg_temp.queued(), 'all@acme.test: 80%, all@acme.test: 100%, loud@acme.test: 100%', 'and not again');

select is(
  tests.error_of($$
    insert into tally.alert_deliveries (organization_id, alert_id, channel_id)
    select organization_id, alert_id, channel_id from tally.alert_deliveries limit 1 $$) ->> 'constraint',
  'alert_goes_to_a_channel_once', 'the outbox itself takes a pair only once');

select * from finish();
rollback;
