begin;
select plan(5);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme', '{"estimated_cost": 4}') as hold \gset

select public.extend_hold(:'hold', 0, '{"estimated_cost": 2, "idempotency_key": "one"}') as first \gset
select is(public.extend_hold(:'hold', 0, '{"idempotency_key": "one", "estimated_cost": 2}'), :'first'::jsonb,
  'a retry gets the first answer');
select is(tests.standing('acme'), '0 used, 6 held, 4 left', 'and keeps no more');
select is(
  tests.codes_of(format('select public.extend_hold(%L, 0, ''{"estimated_cost": 3, "idempotency_key": "one"}'')', :'hold')),
  array['PT409'], 'the key cannot name another top-up');
select is(public.extend_hold(:'hold', 0, '{"estimated_cost": 5, "idempotency_key": "two"}') -> 'allowed', 'false', 'a refusal');
select public.set_quota(tests.id_of('acme'), 'monthly', 20);
select is(public.extend_hold(:'hold', 0, '{"estimated_cost": 5, "idempotency_key": "two"}') -> 'allowed', 'true',
  'may be tried again under its key');

select * from finish();
rollback;
