begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_member('acme', 'ada', 'admin');
select public.set_quota(tests.id_of('acme'), 'monthly', 10) as operators \gset

select tests.act_as('ada');
select public.set_quota(tests.id_of('acme'), 'monthly', 1000) as own \gset

select isnt(:'own'::uuid, :'operators'::uuid, 'it is another quota');
select tests.act_as_owner();
select is(tests.reserve('acme', '{"estimated_cost": 11}') #>> '{blocked_by,quota_id}',
  :'operators', 'and cannot widen his');
select tests.act_as('ada');
select is(tests.codes_of(format('select public.remove_quota(%L)', :'operators')), array['PT403'], 'nor remove it');
select is(public.remove_quota(:'own'), :'own'::uuid, 'the own one can be removed');

select * from finish();
rollback;
