begin;
select plan(4);

select tests.create_organization('acme');

select tests.track('acme', '{"model": "unheard-of"}') as answer \gset

select is(:'answer'::jsonb -> 'cost_usd', 'null', 'its cost is null');
select is(:'answer'::jsonb -> 'price_id', 'null', 'and so is its card');
select results_eq(
  'select provider, model, request_count, total_tokens::int from public.unpriced_usage',
  $$ values ('lab', 'unheard-of', 1::bigint, 1100) $$, 'it is listed as unpriced');
select is(tests.track('acme', '{"model": "unheard-of", "input_tokens": 0, "output_tokens": 0}') -> 'cost_usd',
  'null', 'even when nothing was used');

select * from finish();
rollback;
