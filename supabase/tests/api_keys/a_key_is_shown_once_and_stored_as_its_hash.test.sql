begin;
select plan(4);

select tests.create_organization('acme');
select public.create_api_key(tests.id_of('acme'), 'build server') as made \gset

select matches(:'made'::jsonb ->> 'key', '^tally_[A-Za-z0-9_-]{43}$', 'a key of 43 url-safe characters');
select is(
  (select key_hash from public.api_keys where id = (:'made'::jsonb ->> 'id')::uuid),
  sha256(convert_to(:'made'::jsonb ->> 'key', 'UTF8')),
  'its SHA-256 is stored');
select is(
  (select key_prefix from public.api_keys where id = (:'made'::jsonb ->> 'id')::uuid),
  left(:'made'::jsonb ->> 'key', 12),
  'and the beginning, to know it by');
select is_empty(
  format('select from public.api_keys as k where strpos(k::text, %L) > 0', :'made'::jsonb ->> 'key'),
  'the key itself is nowhere');

select * from finish();
rollback;
