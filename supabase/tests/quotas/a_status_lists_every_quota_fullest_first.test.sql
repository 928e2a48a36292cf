begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
select public.set_quota(tests.id_of('acme'), 'total', l, scope => jsonb_build_object('provider', p))
from (values (100, 'lab'), (2, 'lab'), (4, null), (8, 'other')) as v (l, p);
select tests.track('acme', '{"input_tokens": 1000000, "output_tokens": 0}');

select results_eq(
  format('select quota_limit, percent_used, remaining from public.quota_status(%L)', tests.id_of('acme')),
  $$ values (2::numeric, 50::numeric, 1::numeric), (4, 25, 3), (8, 0, 8) $$,
  'a second limit of one scope replaced the first');

select * from finish();
rollback;
