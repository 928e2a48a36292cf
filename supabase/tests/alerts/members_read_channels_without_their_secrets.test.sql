begin;
select plan(5);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.create_member('acme', 'bob');
select tests.create_member('globex', 'gus', 'owner');
select public.set_alert_channel(tests.id_of('acme'), 'slack', 'https://hooks.slack.test/services/T00/B00/q8Zk3xYw')
  as made \gset
select public.set_alert_channel(tests.id_of('acme'), 'email', 'ops@acme.test');

select tests.act_as('bob');
select bag_eq(
  'select kind, target from public.alert_channels',
  $$ values ('slack', 'https://hooks.slack.test/…3xYw'), ('email', 'ops@acme.test') $$,
  'a member sees where alerts go, and no URL that is a key by itself');
select is(
  tests.codes_of('select address from tally.alert_addresses', 'select id from tally.alert_deliveries'),
  '{42501,42501}', 'addresses, secrets and the outbox are out of reach');
select tests.act_as('gus');
select is_empty('select from public.alert_channels', 'members of others see nothing');
select tests.act_as_anonymous();
select is(tests.codes_of('select from public.alert_channels', 'select from public.dead_alerts'), '{42501,42501}',
  'nor do the anonymous');
select ok(:'made'::jsonb -> 'secret' is null, 'what is not signed has no secret');

select * from finish();
rollback;
