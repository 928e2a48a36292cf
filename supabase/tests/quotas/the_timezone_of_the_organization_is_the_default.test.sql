begin;
select plan(2);

select tests.create_organization('acme', 'Asia/Tokyo');

select public.set_quota(tests.id_of('acme'), 'daily', 10) as own \gset
select public.set_quota(tests.id_of('acme'), 'daily', 10, timezone => 'America/New_York') as other \gset

select is((select period_start at time zone 'Asia/Tokyo' from public.usage_quotas where id = :'own'),
  date_trunc('day', now() at time zone 'Asia/Tokyo'), 'midnight in Tokyo');
select is((select period_start at time zone 'America/New_York' from public.usage_quotas where id = :'other'),
  date_trunc('day', now() at time zone 'America/New_York'), 'unless it names its own');

select * from finish();
rollback;
