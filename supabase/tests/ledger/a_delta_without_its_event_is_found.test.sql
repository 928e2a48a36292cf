begin;
select plan(1);

select tests.create_organization('acme');
select tests.track('acme', '{"input_tokens": 1, "output_tokens": 1}');

delete from public.token_usage;

select results_eq('select invariant, expected, actual from public.verify_ledger()',
  $$ values ('an event that is to be folded exists', 1::numeric, 0::numeric) $$, 'as use that is nowhere');

select * from finish();
rollback;
