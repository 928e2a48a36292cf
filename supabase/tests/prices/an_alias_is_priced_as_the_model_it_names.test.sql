begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
insert into tally.model_aliases (provider, alias, to_provider, to_model, source)
values ('lab', 'echo-latest', 'lab', 'echo', 'book');

select is((tests.track('acme', '{"model": "echo-latest"}') ->> 'cost_usd')::numeric, 0.002, 'its card is used');
select results_eq('select model from public.token_usage', array['echo-latest'], 'the id that answered is kept');

select * from finish();
rollback;
