begin;
select plan(1);

select tests.create_organization('acme');

select is(public.create_api_key(tests.id_of('acme'), 'key') -> 'scopes',
  '["track", "gateway", "estimate"]', 'all scopes');

select * from finish();
rollback;
