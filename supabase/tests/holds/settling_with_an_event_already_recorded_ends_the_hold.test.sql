-- A client that tracked the call, lost the answer and now settles with the same event.
begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme') as hold \gset
select tally.uuid_v7(now()) as id \gset
select tests.track('acme', jsonb_build_object('id', :'id'));

select is(
  public.settle_usage(:'hold', tests.event_of('acme', jsonb_build_object('id', :'id'))) ->> 'status',
  'duplicate', 'the use is there');
select results_eq('select state from public.usage_holds', array['settled'], 'so the hold has its event');
select is(tests.standing('acme'), '0.002 used, 0 held, 9.998 left', 'and keeps nothing');

select * from finish();
rollback;
