begin;
select plan(2);

select tests.create_organization('acme');
insert into public.usage_quotas (organization_id, quota_type, quota_limit, current_usage, reset_at)
values (tests.id_of('acme'), 'daily', 10, 4, now() + interval '1 hour');

select tally.fold(tests.id_of('acme'), now() + interval '1 hour');

select results_eq('select current_usage, opening_usage from public.usage_quotas', 'values (0::numeric, 0::numeric)',
  'the next one starts empty');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
