begin;
select plan(3);

select tests.create_organization('acme');
select public.grant_credit(tests.id_of('acme'), 5, reference => 'invoice 1');

select is((public.grant_credit(tests.id_of('acme'), 5, reference => 'invoice 1') -> 'balance')::numeric, 5::numeric, 'again');
select is(
  tests.codes_of(format('select public.grant_credit(%L, 6, reference => ''invoice 1'')', tests.id_of('acme'))),
  array['PT409'], 'with another amount');
select is(
  tests.codes_of(
    format('select public.grant_credit(%L, 0)', tests.id_of('acme')),
    format('select public.grant_credit(%L, 1, expires_at => now() - interval ''1 second'')', tests.id_of('acme'))),
  array['PT400', 'PT400'], 'nothing, or over already');

select * from finish();
rollback;
