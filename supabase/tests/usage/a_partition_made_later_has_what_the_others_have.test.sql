begin;
select plan(3);

select tally.ensure_partitions('2031-01-01', '2031-01-31') as made \gset

select is(:made, 1, 'it is made once');
select is(tally.ensure_partitions('2031-01-05', '2031-01-20'), 0, 'and not again');
select is(
  (select count(*) from pg_indexes where schemaname = 'tally' and tablename = 'token_usage_2031_01'),
  (select count(*) from pg_indexes where schemaname = 'public' and tablename = 'token_usage'),
  'with every index');

select * from finish();
rollback;
