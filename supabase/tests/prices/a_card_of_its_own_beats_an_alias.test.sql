begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
insert into tally.model_aliases (provider, alias, to_provider, to_model, source)
values ('lab', 'echo-pro', 'lab', 'echo', 'book');

select tests.create_model('echo-pro', '{"input": 5, "output": 50}');

select is((tests.track('acme', '{"model": "echo-pro"}') ->> 'cost_usd')::numeric, 0.01, 'its own price');
select is_empty($$ select from tally.model_aliases where alias = 'echo-pro' $$, 'it is no alias any more');

select * from finish();
rollback;
