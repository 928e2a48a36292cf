begin;
select plan(2);

select tests.create_organization('acme');
select tests.hold('acme') as swept \gset
select tests.outlive(:'swept');
select tally.fold(tests.id_of('acme'));
select tests.hold('acme') as unswept \gset
select tests.outlive(:'unswept');

select is(
  array[public.release_hold(:'swept') ->> 'state', public.release_hold(:'unswept') ->> 'state'],
  array['expired', 'expired'], 'both have expired');
select is(array[public.settle_usage(:'swept', '{"input_tokens": 1}') ->> 'status',
    public.settle_usage(:'unswept', '{"input_tokens": 1}') ->> 'status'],
  array['recorded', 'recorded'], 'both can still be settled');

select * from finish();
rollback;
