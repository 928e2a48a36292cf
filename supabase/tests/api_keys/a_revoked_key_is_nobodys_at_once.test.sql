begin;
select plan(3);

select tests.create_organization('acme');
select public.create_api_key(tests.id_of('acme'), 'key') as made \gset

select public.revoke_api_key((:'made'::jsonb ->> 'id')::uuid) as first \gset

select is_empty(format('select from tally.verify_api_key(%L)', :'made'::jsonb ->> 'key'), 'it ended');
select isnt((:'first'::jsonb ->> 'revoked_at'), null, 'and says when');
update public.api_keys set revoked_at = revoked_at - interval '1 hour';
select is(
  (public.revoke_api_key((:'made'::jsonb ->> 'id')::uuid) ->> 'revoked_at')::timestamptz,
  (:'first'::jsonb ->> 'revoked_at')::timestamptz - interval '1 hour',
  'revoked again, the first time stays');

select * from finish();
rollback;
