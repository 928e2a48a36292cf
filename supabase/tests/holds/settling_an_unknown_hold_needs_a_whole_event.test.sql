begin;
select plan(1);

select tests.create_organization('acme');

select is(
  tests.codes_of(
    format('select public.settle_usage(%L, %L)', tally.uuid_v7(now() - interval '36 days'), tests.event_of('acme')),
    format('select public.settle_usage(null, %L)', tests.event_of('acme')),
    format('select public.settle_usage(%L, ''{"input_tokens": 1}'')', tally.uuid_v7(now()))),
  array['PT404', 'PT400', 'PT400'],
  'not one so old that it may have been settled and dropped, none, one whose event says not whose it is');

select * from finish();
rollback;
