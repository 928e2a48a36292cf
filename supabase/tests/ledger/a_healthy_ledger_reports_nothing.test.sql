-- Every kind of flow, before and after folding.
begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
select public.set_quota(tests.id_of('acme'), t, 1000000000, m, timezone => 'Asia/Kathmandu')
from unnest(array['hourly', 'daily', 'monthly', 'total']) as t,
  unnest(array['cost_usd', 'requests', 'total_tokens']) as m;
select tests.track('acme', '{"model": "unheard-of"}');
select tests.track('acme', '{"classes": {"cache_read": 5, "reasoning": 3}}');
select tests.hold('acme') as settled \gset
select public.settle_usage(:'settled', '{"input_tokens": 3000000}');
select tests.hold('acme') as drawn \gset
select public.settle_usage(:'drawn', '{"input_tokens": 500000}', false);
select public.extend_hold(:'drawn', 60, '{"estimated_cost": 2}');
select tests.hold('acme') as released \gset
select public.release_hold(:'released');
select tests.hold('acme') as expired \gset
select tests.outlive(:'expired');
select tests.hold('acme') as late \gset
select tests.outlive(:'late');
select public.settle_usage(:'late', '{"input_tokens": 7}');
select public.settle_usage(tally.uuid_v7(now()), tests.event_of('acme'));

select is_empty('select * from public.verify_ledger()', 'before');
select tally.tick();
select is_empty('select * from public.verify_ledger()', 'after');

select * from finish();
rollback;
