begin;
select plan(1);

insert into tally.model_rules values
  ('lab', 1, 'starts_with', 'a%', 'lab', 'one'), ('lab', 2, 'ends_with', '_z', 'lab', 'two'),
  ('lab', 3, 'contains', 'm.m', 'lab', 'three'), ('lab', 4, 'regex', '^e[0-9]+$', 'lab', 'four');

select is(
  array(
    select m.to_model
    from unnest(array['a%x', 'axx', 'q_z', 'qaz', 'am.mb', 'ammb', 'e42', 'e42x']) with ordinality as i (id, n)
    left join lateral tally.match_model('lab', i.id) as m on true
    order by i.n),
  array['one', null, 'two', null, 'three', null, 'four', null],
  'a percent sign, an underscore or a dot stand for themselves outside a regex');

select * from finish();
rollback;
