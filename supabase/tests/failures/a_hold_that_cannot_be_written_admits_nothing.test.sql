-- Admission that goes on when its own bookkeeping fails is no admission.
begin;
select plan(2);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 1);
create function pg_temp.refuse() returns trigger language plpgsql as $$ begin raise 'disk full'; end $$;
create trigger refuse before insert on public.usage_holds for each row execute function pg_temp.refuse();

select is(
  tests.error_of($$ select tests.reserve('acme', '{"estimated_cost": 0.1}') $$) ->> 'message',
  'disk full', 'https://github.com/BerriAI/litellm/issues/33923');
select is(tests.standing('acme'), '0 used, 0 held, 1 left', 'and nothing is kept');

select * from finish();
rollback;
