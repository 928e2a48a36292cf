begin;
select plan(3);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme', '{"estimated_cost": 10}') as hold \gset

select is(public.release_hold(:'hold'), jsonb_build_object('hold_id', :'hold', 'state', 'released'), 'it is released');
select is(public.release_hold(:'hold') ->> 'state', 'released', 'released again, nothing changes');
select is(tests.standing('acme'), '0 used, 0 held, 10 left', 'given back once');

select * from finish();
rollback;
