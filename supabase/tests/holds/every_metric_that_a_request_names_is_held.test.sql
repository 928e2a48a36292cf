begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 1000, m)
from unnest(array['cost_usd', 'total_tokens', 'input_tokens', 'output_tokens', 'requests']) as m;

select tests.hold('acme', '{"input_tokens": 100, "max_output_tokens": 20, "requests": 3}');

select results_eq(
  format('select metric, reserved from public.quota_status(%L) order by metric', tests.id_of('acme')),
  $$ values ('cost_usd', 0.0003), ('input_tokens', 100), ('output_tokens', 20), ('requests', 3),
       ('total_tokens', 120) $$,
  'each on its quota');

select * from finish();
rollback;
