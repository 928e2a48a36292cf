begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');

select public.track_usage(tests.event_of('acme', '{"classes": {"input": 5, "cache_read": 10, "output": 7}}')
  - 'input_tokens' - 'output_tokens') as answer \gset

select is((:'answer'::jsonb ->> 'input_tokens')::int, 15, 'of the input side');
select is((:'answer'::jsonb ->> 'output_tokens')::int, 7, 'and of the output side');

select * from finish();
rollback;
