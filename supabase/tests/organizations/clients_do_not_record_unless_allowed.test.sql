begin;
select plan(5);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'owner');
select tests.create_model('echo');
select tests.hold('acme') as hold \gset

select tests.act_as('ada');

select is(tests.complaint_about(tests.event_of('acme')),
  'PT403 organizations.allow_client_tracking is off', 'not even an owner may record from a device');
select is(tests.error_of(format('select public.reserve_usage(%L)', tests.request_of('acme'))) ->> 'code',
  'PT403', 'or reserve');
select is(
  tests.codes_of(
    format('select public.settle_usage(%L, %L)', :'hold', tests.event_of('acme')),
    format('select public.release_hold(%L)', :'hold'),
    format('select public.extend_hold(%L, 60)', :'hold')),
  array['PT403', 'PT403', 'PT403'], 'or touch a hold');
select is(public.track_usage_batch(jsonb_build_array(tests.event_of('acme'))) #>> '{rejected,0,code}',
  'PT403', 'a batch names it for each event');
select is_empty('select from public.token_usage', 'nothing was written');

select * from finish();
rollback;
