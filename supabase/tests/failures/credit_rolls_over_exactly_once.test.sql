-- What recurs at the start of a period was missed, or applied twice.
begin;
select plan(2);

select tests.create_organization('acme');
select public.grant_credit(tests.id_of('acme'), 4, expires_at => now() + interval '1 hour', rollover => interval '1 day');

select tally.fold(tests.id_of('acme'), now() + interval '1 hour');
select is((select sum(remaining) from public.credit_grants), 4::numeric,
  'https://github.com/openmeterio/openmeter/pull/4278: at the moment itself');
select tally.fold(tests.id_of('acme'), now() + interval '1 hour');
select tally.fold(tests.id_of('acme'), now() + interval '2 hours');
select is((select sum(remaining) from public.credit_grants), 4::numeric,
  'https://github.com/openmeterio/openmeter/pull/4252: and not again');

select * from finish();
rollback;
