begin;
select plan(2);

select tests.create_organization('acme');
select tests.track('acme', '{"classes": {"cache_read": 400, "reasoning": 30}}');

select results_eq('select classes from public.token_usage',
  array['{"input": 600, "output": 70, "reasoning": 30, "cache_read": 400}'::jsonb], 'input and output are filled up');
select is_empty('select from public.verify_ledger()', 'and add up');

select * from finish();
rollback;
