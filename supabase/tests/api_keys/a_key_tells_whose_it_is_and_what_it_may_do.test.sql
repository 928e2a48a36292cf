begin;
select plan(1);

select tests.create_organization('acme');
select public.create_api_key(tests.id_of('acme'), 'key', array['track']) as made \gset

select tests.act_as_service();

select results_eq(
  format('select api_key_id, organization_id, scopes from tally.verify_api_key(%L)', :'made'::jsonb ->> 'key'),
  format('select %L::uuid, %L::uuid, array[''track'']', :'made'::jsonb ->> 'id', tests.id_of('acme')),
  'organization and scopes');

select * from finish();
rollback;
