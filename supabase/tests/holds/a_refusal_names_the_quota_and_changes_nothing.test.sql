begin;
select plan(3);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'total', 10) as quota \gset
select tests.hold('acme', '{"estimated_cost": 8}');

select tests.reserve('acme', '{"estimated_cost": 3, "idempotency_key": "k"}') as answer \gset

select is(:'answer'::jsonb, jsonb_build_object('allowed', false, 'hold_id', null, 'expires_at', null,
  'blocked_by', jsonb_build_object('quota_id', :'quota', 'metric', 'cost_usd', 'quota_type', 'total',
    'quota_limit', 10, 'current_usage', 0, 'reserved', 8, 'remaining', 2, 'requested', 3,
    'reset_at', null, 'reason', 'quota')), 'the answer');
select is(tests.standing('acme'), '0 used, 8 held, 2 left', 'the quota is as before');
select is((select count(*) from public.usage_holds), 1::bigint, 'and there is no second hold');

select * from finish();
rollback;
