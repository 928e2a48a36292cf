-- Also with its id forged into the body of an event or of a request.
begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_organization('globex');
update public.organizations set allow_client_tracking = true;
select tests.create_member('globex', 'gus', 'owner');

select tests.act_as('gus');

select is(
  tests.codes_of(
    format('select public.check_quota(%L, ''lab'', ''echo'', 1)', tests.id_of('acme')),
    format('select public.quota_status(%L)', tests.id_of('acme')),
    format('select public.set_quota(%L, ''monthly'', 1)', tests.id_of('acme')),
    format('select public.create_api_key(%L, ''key'')', tests.id_of('acme')),
    format('select public.verify_ledger(%L)', tests.id_of('acme')),
    format('select public.estimate_cost(''lab'', ''echo'', 1, 1, null, %L)', tests.id_of('acme')),
    format('select public.track_usage(%L)', tests.event_of('acme')),
    format('select public.reserve_usage(%L)', tests.request_of('acme')),
    format('select public.settle_usage(tally.uuid_v7(now()), %L)', tests.event_of('acme'))
  ),
  array_fill('PT403'::text, array[9]),
  'check_quota, quota_status, set_quota, create_api_key, verify_ledger, estimate_cost, track, reserve, settle');

select * from finish();
rollback;
