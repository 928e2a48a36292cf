begin;
select plan(3);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme', '{"estimated_cost": 4, "expires_in": 60}') as hold \gset

select public.extend_hold(:'hold', 3600, '{"estimated_cost": 7}') as answer \gset

select is(:'answer'::jsonb -> 'allowed', 'false', 'refused');
select is((:'answer'::jsonb ->> 'expires_at')::timestamptz, now() + interval '60 seconds', 'it is not longer');
select is(tests.standing('acme'), '0 used, 4 held, 6 left', 'nor larger');

select * from finish();
rollback;
