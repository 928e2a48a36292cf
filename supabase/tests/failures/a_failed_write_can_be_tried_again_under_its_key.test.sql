-- A key that is claimed before the write swallows the retry: metered zero times, reported as success.
begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
create function pg_temp.refuse() returns trigger language plpgsql as $$ begin raise 'disk full'; end $$;
create trigger refuse before insert on public.token_usage for each row execute function pg_temp.refuse();

select isnt(
  tests.error_of($$ select tests.track('acme', '{"idempotency_key": "k"}') $$), null,
  'https://github.com/openmeterio/openmeter/issues/5118: the write fails');
drop trigger refuse on public.token_usage;
select is(
  tests.track('acme', '{"idempotency_key": "k"}') ->> 'status', 'recorded',
  'https://github.com/useautumn/autumn/pull/1838: the retry is recorded');
select is(count(*), 1::bigint, 'once') from public.token_usage;

select * from finish();
rollback;
