begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select is(tests.track('acme', '{"classes": {"input_image": 1000}}') ->> 'cost_usd', null, 'no rate for images');

insert into tally.class_fallbacks values ('lab', 'input_image', 'input');

select is((tests.track('acme', '{"classes": {"input_image": 1000}}') ->> 'cost_usd')::numeric, 0.002,
  'the provider bills them as text');

select * from finish();
rollback;
