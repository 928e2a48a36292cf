-- Half a settlement counts a call twice: as its hold and as its cost.
begin;
select plan(4);

select tests.create_organization('acme');
select tests.create_model('echo');
select public.set_quota(tests.id_of('acme'), 'monthly', 10);
select tests.hold('acme') as hold \gset
create function pg_temp.refuse() returns trigger language plpgsql as $$ begin raise 'disk full'; end $$;
create trigger refuse before update on public.usage_holds for each row execute function pg_temp.refuse();

select isnt(
  tests.error_of(format('select public.settle_usage(%L, %L)', :'hold', '{"input_tokens": 1000000, "output_tokens": 0}')),
  null, 'https://github.com/BerriAI/litellm/issues/35569: the hold cannot be ended');
select is(tests.standing('acme'), '0 used, 1 held, 9 left', 'so the use is not counted either');

drop trigger refuse on public.usage_holds;
select is(
  public.settle_usage(:'hold', '{"input_tokens": 1000000, "output_tokens": 0}') ->> 'status', 'recorded', 'the retry counts');
select is(tests.standing('acme'), '1 used, 0 held, 9 left', 'once');

select * from finish();
rollback;
