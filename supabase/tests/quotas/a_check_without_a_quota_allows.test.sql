begin;
select plan(1);

select tests.create_organization('acme');

select results_eq(
  format($$
    select allowed,
      num_nonnulls(quota_limit, current_usage, reserved, remaining, quota_type, metric, reset_at, quota_id)
    from public.check_quota(%L, 'lab', 'echo', 1000)
  $$, tests.id_of('acme')),
  'values (true, 0)', 'one row, the rest null');

select * from finish();
rollback;
