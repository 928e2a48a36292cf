begin;
select plan(2);

select tests.create_organization('acme');
select public.set_alert_channel(tests.id_of('acme'), 'email', format('ops%s@acme.test', n))
from generate_series(1, 20) as n;

select is(
  tests.error_of(format('select public.set_alert_channel(%L, ''email'', ''ops21@acme.test'')', tests.id_of('acme')))
    ->> 'message',
  'An organization has at most 20 alert channels.', 'a crossing is never more than 20 messages');
select is(
  tests.error_of(format('select public.set_alert_channel(%L, ''email'', ''ops20@acme.test'', enabled => false)',
    tests.id_of('acme'))),
  null, 'those that exist may be changed');

select * from finish();
rollback;
