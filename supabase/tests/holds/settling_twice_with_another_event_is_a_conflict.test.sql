begin;
select plan(2);

select tests.create_organization('acme');
select tests.hold('acme') as hold \gset
select public.settle_usage(:'hold', '{"input_tokens": 1, "output_tokens": 0}');

select is(
  tests.codes_of(
    format('select public.settle_usage(%L, ''{"input_tokens": 2, "output_tokens": 0}'')', :'hold'),
    format('select public.settle_usage(%L, %L)', :'hold', jsonb_build_object('input_tokens', 1,
      'output_tokens', 0, 'id', tally.uuid_v7(now())))),
  array['PT409', 'PT409'], 'other tokens, another id');
select is((select count(*) from public.token_usage), 1::bigint, 'nothing was added');

select * from finish();
rollback;
