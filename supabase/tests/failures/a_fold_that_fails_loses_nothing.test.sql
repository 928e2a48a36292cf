-- A buffer that is emptied before its commit loses what was in it.
begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10, 'requests');
select tests.track('acme') from generate_series(1, 3);
create function pg_temp.refuse() returns trigger language plpgsql as $$ begin raise 'disk full'; end $$;
create trigger refuse before update on public.usage_quotas for each row execute function pg_temp.refuse();

select isnt(
  tests.error_of($$ select tally.fold(tests.id_of('acme')) $$), null, 'https://github.com/BerriAI/litellm/issues/33872, https://github.com/BerriAI/litellm/issues/35531: the fold fails');
select is(tests.standing('acme'), '3 used, 0 held, 7 left', 'what it would have folded still counts');
drop trigger refuse on public.usage_quotas;
select tally.fold(tests.id_of('acme'));
select is(tests.standing('acme'), '3 used, 0 held, 7 left', 'and is folded later, once');

select * from finish();
rollback;
