begin;
select plan(1);

select tests.create_organization('acme');
insert into public.usage_holds (id, organization_id, provider, model, amounts, state, created_at, expires_at, ended_at)
select tally.uuid_v7(now() - age), tests.id_of('acme'), 'lab', 'echo', '{}', 'expired', now() - age, now(), now()
from unnest(array['37 days', '35 days', '1 day']::interval[]) as age;

select tally.tick();

select is((select count(*) from public.usage_holds), 2::bigint, 'a day after the last late event');

select * from finish();
rollback;
