begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo');

select tests.act_as_service();
select tests.track('acme', '{"cost_usd": 0.125}') as answer \gset

select is((:'answer'::jsonb ->> 'cost_usd')::numeric, 0.125, 'what the provider billed stands');

select * from finish();
rollback;
