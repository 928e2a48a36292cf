begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
select public.set_quota(tests.id_of('acme'), 'total', 1000);
select tests.track('acme', '{"input_tokens": 3000000, "output_tokens": 0}');

delete from tally.usage_deltas;

select results_eq('select invariant, expected, actual from public.verify_ledger()',
  $$ values ('usage of a quota is the sum of its events', 3.0, 0.0) $$, 'as use that does not count');

select * from finish();
rollback;
