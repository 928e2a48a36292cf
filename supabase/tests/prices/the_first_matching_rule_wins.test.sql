begin;
select plan(1);

select tests.create_model('echo');
select tests.create_model('echo-mini', '{"input": 0.1, "output": 1}');
insert into tally.model_rules values
  ('lab', 2, 'starts_with', 'echo', 'lab', 'echo'), ('lab', 1, 'contains', 'mini', 'lab', 'echo-mini');

select results_eq($$ select to_model from tally.match_model('lab', 'echo-mini-2026') $$, array['echo-mini'],
  'by position, not by the order of writing');

select * from finish();
rollback;
