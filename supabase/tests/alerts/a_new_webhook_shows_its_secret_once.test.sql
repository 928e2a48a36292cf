begin;
select plan(6);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'admin');
select tests.act_as('ada');

select public.set_alert_channel(tests.id_of('acme'), 'webhook', 'https://hooks.acme.test/tally/4f1c9d7e') as made \gset
select matches(:'made'::jsonb ->> 'secret', '^whsec_[A-Za-z0-9+/]{43}=$', 'a secret of 32 bytes, as the libraries of receivers take it');
select is(
  :'made'::jsonb - 'secret' - 'id',
  '{"kind": "webhook", "target": "https://hooks.acme.test/…9d7e", "enabled": true,
    "kinds": ["threshold", "forecast", "top_up"], "levels": ["warning", "critical", "exceeded"]}',
  'it gets everything unless told otherwise; its URL is shortened');

select public.set_alert_channel(tests.id_of('acme'), 'webhook', 'https://hooks.acme.test/tally/4f1c9d7e',
  levels => '{exceeded}') as again \gset
select is(:'again'::jsonb, :'made'::jsonb - 'secret' || '{"levels": ["exceeded"]}',
  'the same target is the same channel, changed in what was given, without the secret');

select is(
  tests.error_of(format('select public.set_alert_channel(%L, ''slack'', ''https://hooks.acme.test/tally/4f1c9d7e'')',
    tests.id_of('acme'))) ->> 'code',
  'PT409', 'it cannot be of two kinds');
select is((select array_agg(created_by) from public.alert_channels), array[tests.id_of('ada')],
  'there is one channel, and it is known who made it');

select tests.act_as_owner();
select is((select secret from tally.alert_addresses), :'made'::jsonb ->> 'secret', 'the first secret is the one in use');

select * from finish();
rollback;
