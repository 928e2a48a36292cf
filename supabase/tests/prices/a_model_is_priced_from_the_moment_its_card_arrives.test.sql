begin;
select plan(2);

select tests.create_organization('acme');
select tests.track('acme', '{"model": "late"}');

select tests.create_model('late');

select is((tests.track('acme', '{"model": "late"}') ->> 'cost_usd')::numeric, 0.002, 'it is no longer unknown');
select is((select count(*) from public.unpriced_usage), 1::bigint, 'what came before stays listed');

select * from finish();
rollback;
