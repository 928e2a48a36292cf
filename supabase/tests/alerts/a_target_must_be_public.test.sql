begin;
select plan(5);

create function pg_temp.refused(kind text, variadic addresses text[]) returns text[] language sql as $$
  select array_agg(a.address order by a.place)
  from unnest(addresses) with ordinality as a (address, place)
  where tally.find_address_problem(kind, a.address) is not null
$$;

select is(pg_temp.refused('webhook', 'https://hooks.acme.test/a?b=c', 'https://a.b.acme.test:8443', 'HTTPS://Acme.test/x',
  'http://127.0.0.1:9000/x', 'http://localhost:9000', 'http://[::1]:9000/', 'https://xn--bcher-kva.test/x'),
  null, 'https to a public name; anything on this machine, for development');

with bad (address) as (values
  ('http://hooks.acme.test/'), ('ftp://hooks.acme.test/'), ('hooks.acme.test'), ('https://'), (''),
  ('https://user:password@hooks.acme.test/'), ('https://hooks.acme.test/#part'), ('https://hooks.acme.test/a b'),
  ('https://hooks.acme.test\@localhost/'), (E'https://hooks.acme.test/\n'), ('https://hooks.acme.test:port/'),
  ('https://10.0.0.1/'), ('https://169.254.169.254/latest'), ('https://2130706433/'), ('https://0x7f.1/'),
  ('https://127.1/'), ('https://127.0.0.1.'), ('https://[fd00::1]/'), ('https://[::ffff:127.0.0.1]/'), ('https://kong/'),
  ('https://db.internal/'), ('https://printer.local/'), ('https://a.localhost/'), ('https://bücher.test/'),
  ('https://acme.test/' || repeat('x', 2048)))
select is(
  (select pg_temp.refused('webhook', variadic array_agg(b.address)) from bad as b),
  (select array_agg(b.address) from bad as b),
  'no plain http, no user, no address, no private name, no other spelling of one');

select is(pg_temp.refused('email', 'ops@acme.test', 'o''hara+alerts@mail.acme.test'), null, 'e-mail addresses');
with bad (address) as (values ('ops'), ('ops@acme'), ('@acme.test'), ('a@b@acme.test'), ('Ops <ops@acme.test>'),
  ('ops@acme.test,eve@evil.test'), (E'ops@acme.test\r\nbcc: eve@evil.test'), ('ops@[127.0.0.1]'))
select is(
  (select pg_temp.refused('email', variadic array_agg(b.address)) from bad as b),
  (select array_agg(b.address) from bad as b),
  'one plain address, nothing around it');

select tests.create_organization('acme');
select is(
  tests.codes_of(
    format('select public.set_alert_channel(%L, ''webhook'', ''http://hooks.acme.test/'')', tests.id_of('acme')),
    format('select public.set_alert_channel(%L, ''webhook'', null)', tests.id_of('acme')),
    format('select public.set_alert_channel(%L, ''pager'', ''https://hooks.acme.test/'')', tests.id_of('acme')),
    format('select public.set_alert_channel(%L, ''email'', ''ops@acme.test'', kinds => ''{}'')', tests.id_of('acme')),
    format('select public.set_alert_channel(%L, ''email'', ''ops@acme.test'', kinds => ''{null}'')', tests.id_of('acme')),
    format('select public.set_alert_channel(%L, ''email'', ''ops@acme.test'', levels => ''{loud}'')', tests.id_of('acme'))),
  array_fill('PT400'::text, array[6]), 'a channel that cannot be is refused');

select * from finish();
rollback;
