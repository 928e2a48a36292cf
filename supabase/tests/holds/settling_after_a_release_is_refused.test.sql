begin;
select plan(2);

select tests.create_organization('acme');
select tests.hold('acme') as hold \gset
select public.release_hold(:'hold');

select is(
  tests.codes_of(
    format('select public.settle_usage(%L, ''{"input_tokens": 1}'')', :'hold'),
    format('select public.settle_usage(%L, ''{"input_tokens": 1}'', false)', :'hold'),
    format('select public.extend_hold(%L, 60)', :'hold')),
  array['PT410', 'PT410', 'PT410'], 'so are draws and extensions');
select is_empty('select from public.token_usage', 'nothing was written');

select * from finish();
rollback;
