begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_organization('globex');
select tests.hold('acme') as hold \gset

select is(tests.codes_of(format('select public.settle_usage(%L, %L)', :'hold', tests.event_of('globex'))),
  array['PT400'], 'it is refused');
select is((select state from public.usage_holds), 'open', 'the hold stays');

select * from finish();
rollback;
