begin;
select plan(1);

select is_empty(
  $$
    select w.word from tally.usage_classes as c cross join lateral (values (c.class), (c.plural)) as w (word)
    where c.kind = 'unit'
    group by w.word having count(distinct c.class) > 1
  $$,
  'no plural is the name of another class');

select * from finish();
rollback;
