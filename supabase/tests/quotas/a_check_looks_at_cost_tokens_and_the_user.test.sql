begin;
select plan(1);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'total', 10, 'total_tokens');
select public.set_quota(tests.id_of('acme'), 'total', 1, scope => jsonb_build_object('user_id', tests.id_of('ada')));

select is(
  array[
    (select allowed from public.check_quota(tests.id_of('acme'), 'lab', 'echo', 5, 10)),
    (select allowed from public.check_quota(tests.id_of('acme'), 'lab', 'echo', 5, 11)),
    (select allowed from public.check_quota(tests.id_of('acme'), 'lab', 'echo', 5, 10, tests.id_of('ada'))),
    (select allowed from public.check_quota(tests.id_of('acme'), 'lab', 'echo', 1, 10, tests.id_of('ada')))],
  array[true, false, false, true], 'fits, too many tokens, too dear for her, fits her');

select * from finish();
rollback;
