begin;
select plan(2);

select isnt_empty($$ select from pg_policies where schemaname = 'public' $$, 'there are policies');

-- A helper that is called for each row makes a read of 100,000 rows hundreds of times slower.
select is_empty(
  $$
    select tablename, policyname, coalesce(qual, '') || coalesce(with_check, '')
    from pg_policies
    where schemaname = 'public'
      and coalesce(qual, '') || coalesce(with_check, '') ~ '\('
      and coalesce(qual, '') || coalesce(with_check, '') !~ '= ANY \(ARRAY\( SELECT'
  $$,
  'a policy that asks who the reader is compares the row with an array made once');

select * from finish();
rollback;
