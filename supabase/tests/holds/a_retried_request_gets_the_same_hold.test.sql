begin;
select plan(3);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.reserve('acme', '{"estimated_cost": 7, "idempotency_key": "k"}') as first \gset

select is(tests.reserve('acme', '{"idempotency_key": "k", "estimated_cost": 7}'), :'first'::jsonb,
  'whatever the order of its keys');
select is(tests.standing('acme'), '0 used, 7 held, 3 left', 'kept once');
select is(tests.codes_of('select tests.reserve(''acme'', ''{"estimated_cost": 8, "idempotency_key": "k"}'')'),
  array['PT409'], 'another request under the key is a conflict');

select * from finish();
rollback;
