begin;
select plan(1);

select tests.create_model('echo');

select tests.act_as_service();

select is(
  tests.codes_of(
    format('select public.check_quota(%L, ''lab'', ''echo'', 1)', tests.id_of('nowhere')),
    format('select public.quota_status(%L)', tests.id_of('nowhere')),
    format('select public.set_quota(%L, ''monthly'', 1)', tests.id_of('nowhere')),
    format('select public.create_api_key(%L, ''key'')', tests.id_of('nowhere')),
    format('select public.track_usage(%L)', tests.event_of('nowhere')),
    format('select public.reserve_usage(%L)', tests.request_of('nowhere')),
    format('select public.settle_usage(tally.uuid_v7(now()), %L)', tests.event_of('nowhere'))
  ),
  array_fill('PT404'::text, array[7]),
  'check_quota, quota_status, set_quota, create_api_key, track, reserve, settle');

select * from finish();
rollback;
