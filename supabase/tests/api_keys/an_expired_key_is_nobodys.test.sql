begin;
select plan(2);

select tests.create_organization('acme');
select public.create_api_key(tests.id_of('acme'), 'key', expires_at => now() + interval '1 hour') as made \gset

select isnt_empty(format('select from tally.verify_api_key(%L)', :'made'::jsonb ->> 'key'),
  'it works before its end');
update public.api_keys set expires_at = now();
select is_empty(format('select from tally.verify_api_key(%L)', :'made'::jsonb ->> 'key'),
  'and not from its end on');

select * from finish();
rollback;
