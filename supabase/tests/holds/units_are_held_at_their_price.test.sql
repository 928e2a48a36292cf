begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('video', '{"second": 0.4}');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select public.set_quota(tests.id_of('acme'), 'monthly', 100, 'units');

select tests.hold('acme', '{"model": "video", "units": 8, "unit_type": "seconds"}') as hold \gset

select is(tests.standing('acme'), '0 used, 3.2 held, 6.8 left; 0 used, 8 held, 92 left', 'cost and units');
select public.settle_usage(:'hold', '{"units": 5, "unit_type": "second"}');
select is(tests.standing('acme'), '2 used, 0 held, 8 left; 5 used, 0 held, 95 left', 'settled');

select * from finish();
rollback;
