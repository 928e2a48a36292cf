begin;
select plan(1);

set local statement_timeout = '2s';
select tests.create_organization('acme');

select is(
  tests.codes_of(
    format('select public.set_quota(%L, ''monthly'', 1, anchor => ''infinity'')', tests.id_of('acme')),
    format('select public.set_quota(%L, ''daily'', 1, anchor => ''-infinity'')', tests.id_of('acme'))),
  array['PT400', 'PT400'], 'there is no such period');

select * from finish();
rollback;
