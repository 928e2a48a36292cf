begin;
select plan(3);

select tests.create_organization('acme');
select tests.hold('acme', '{"estimated_cost": 1, "expires_in": 60}') as hold \gset

select is((public.extend_hold(:'hold', 3600) ->> 'expires_at')::timestamptz, now() + interval '1 hour', 'from now');
select is((public.extend_hold(:'hold', 5) ->> 'expires_at')::timestamptz, now() + interval '1 hour',
  'it never gets shorter');
select is(
  tests.codes_of(
    format('select public.extend_hold(%L, -1)', :'hold'), format('select public.extend_hold(%L, null)', :'hold'),
    format('select public.extend_hold(%L, 86401)', :'hold')),
  array['PT400', 'PT400', 'PT400'], 'a day at most');

select * from finish();
rollback;
