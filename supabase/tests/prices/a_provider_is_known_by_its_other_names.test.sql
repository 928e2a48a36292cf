begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
insert into tally.provider_aliases (alias, to_provider) values ('lab.chat', 'lab');

select is((tests.track('acme', '{"provider": "lab.chat"}') ->> 'cost_usd')::numeric, 0.002, 'the same price');
select is(tests.track('acme', '{"provider": "lab.chat", "model": "nothing"}') -> 'cost_usd', 'null', 'and no guess');
select results_eq('select distinct provider from public.token_usage', array['lab.chat'], 'the event keeps the name it came with');

select * from finish();
rollback;
