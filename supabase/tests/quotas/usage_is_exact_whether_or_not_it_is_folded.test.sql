begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 0.1, "output": 0.7}');
select public.set_quota(tests.id_of('acme'), 'monthly', 1000000, m)
from unnest(array['cost_usd', 'total_tokens', 'input_tokens', 'output_tokens', 'requests', 'units']) as m;
select tests.track('acme', jsonb_build_object('input_tokens', n, 'output_tokens', n % 7))
from generate_series(1, 100) as n;
select public.track_usage(tests.event_of('acme', '{"units": 2.5, "unit_type": "second"}')
  - 'input_tokens' - 'output_tokens');
create temporary view state as
select metric, current_usage from public.quota_status(tests.id_of('acme'));

select results_eq('select metric, current_usage from state order by 1',
  $$ values ('cost_usd', 0.0007129), ('input_tokens', 5050), ('output_tokens', 297),
    ('requests', 101), ('total_tokens', 5347), ('units', 2.5) $$, 'before');
select is(tally.fold(tests.id_of('acme')), 101, 'all are folded');
select results_eq('select metric, current_usage from state order by 1',
  $$ select q.metric, trim_scale(q.current_usage) from public.usage_quotas as q order by 1 $$, 'after');

select * from finish();
rollback;
