-- The answer was lost after the commit: the retry refunded, or charged, a second time.
begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme', '{"estimated_cost": 3}') as hold \gset
select public.settle_usage(:'hold', '{"input_tokens": 1000000, "output_tokens": 0}') ->> 'id' as id \gset

select is(
  public.settle_usage(:'hold', '{"input_tokens": 1000000, "output_tokens": 0}') ->> 'id', :'id',
  'https://github.com/elizaOS/eliza/pull/10930');
select is(public.release_hold(:'hold') ->> 'state', 'settled', 'a release that comes after gives nothing back');
select is(tests.standing('acme'), '1 used, 0 held, 9 left', 'one call');

select * from finish();
rollback;
