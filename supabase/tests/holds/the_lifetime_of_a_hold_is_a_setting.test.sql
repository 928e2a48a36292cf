begin;
select plan(1);

select tests.create_organization('acme');
update tally.settings set hold_lifetime = '1 hour';

select is((tests.reserve('acme') ->> 'expires_at')::timestamptz, now() + interval '1 hour', 'it follows');

select * from finish();
rollback;
