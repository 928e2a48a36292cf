-- A tier without a card, or a cost that the operator stated: the call is still one of that model.
begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
insert into tally.model_aliases (provider, alias, to_provider, to_model, source)
values ('lab', 'echo-2026-05-01', 'lab', 'echo', 'book');
select public.set_quota(tests.id_of('acme'), 'total', 2, 'requests', '{"model": "echo"}');

select tests.track('acme', '{"model": "echo-2026-05-01", "service_tier": "turbo"}');
select tests.track('acme', '{"model": "echo-2026-05-01", "cost_usd": 1}');

select is(tests.standing('acme'), '2 used, 0 held, 0 left', 'both count');
select is(tests.reserve('acme', '{"estimated_cost": 0, "model": "echo"}') -> 'allowed', 'false', 'and fill it');

select * from finish();
rollback;
