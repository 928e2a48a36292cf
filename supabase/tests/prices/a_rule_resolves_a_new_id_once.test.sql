begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
insert into tally.model_rules values ('lab', 1, 'starts_with', 'echo-2026', 'lab', 'echo');

select is((tests.track('acme', '{"model": "echo-2026-05-01"}') ->> 'cost_usd')::numeric, 0.002, 'by the rule');
select results_eq($$ select to_model, source from tally.model_aliases where alias = 'echo-2026-05-01' $$,
  $$ values ('echo', 'rule') $$, 'and remembered');
delete from tally.model_rules where provider = 'lab';
select is((tests.track('acme', '{"model": "echo-2026-05-01"}') ->> 'cost_usd')::numeric, 0.002,
  'so that the rules are not asked again');

select * from finish();
rollback;
