-- What belongs to a foreign organization answers like what does not exist, and names no organization.
begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_member('globex', 'gus', 'owner')
from (select tests.create_organization('globex')) as organization;
update public.organizations set allow_client_tracking = true;
select public.set_quota(tests.id_of('acme'), 'monthly', 1) as quota \gset
select public.create_api_key(tests.id_of('acme'), 'key') ->> 'id' as key \gset
select tests.hold('acme') as hold \gset
select tally.uuid_v7(now()) as unknown \gset

select tests.act_as('gus');

select is(
  replace(tests.error_of(format('select public.remove_quota(%L)', :'quota'))::text, :'quota', 'ID'),
  replace(tests.error_of(format('select public.remove_quota(%L)', :'unknown'))::text, :'unknown', 'ID'),
  'remove_quota');
select is(
  replace(tests.error_of(format('select public.revoke_api_key(%L)', :'key'))::text, :'key', 'ID'),
  replace(tests.error_of(format('select public.revoke_api_key(%L)', :'unknown'))::text, :'unknown', 'ID'),
  'revoke_api_key');
select unalike(tests.error_of(format('select public.release_hold(%L)', :'hold'))::text,
  '%' || tests.id_of('acme') || '%', 'release_hold names no organization');

select * from finish();
rollback;
