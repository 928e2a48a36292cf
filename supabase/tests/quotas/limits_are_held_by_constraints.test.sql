begin;
select plan(2);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'daily', 10);

select is(
  array(
    select tests.error_of('update public.usage_quotas set ' || c.change) ->> 'constraint'
    from unnest(array['metric = ''joules''', 'quota_type = ''often''', 'quota_limit = -1', 'quota_limit = ''NaN''',
      'current_usage = -1', 'reserved = -1', 'reset_at = null', 'reset_at = period_start', 'enforcement = ''lax''',
      'unpriced_policy = ''free''', 'alert_thresholds = ''{0}''', 'managed_by = ''nobody'''])
      with ordinality as c (change, n)
    order by c.n),
  array['metric_is_known', 'quota_type_is_known', 'limit_is_a_number_not_negative', 'limit_is_a_number_not_negative',
    'usage_is_not_negative', 'reserved_is_not_negative', 'total_never_resets', 'period_runs_forward',
    'enforcement_is_known', 'unpriced_policy_is_known', 'thresholds_are_positive', 'manager_is_known'],
  'each by its name');

select is(
  array(
    select concat_ws(' ', e.error ->> 'code', e.error ->> 'detail', e.error ->> 'message')
    from unnest(array['-1', 'NaN', '0']) with ordinality as c (usage, n)
    cross join lateral tests.error_of(format(
      'insert into public.usage_quotas (organization_id, quota_type, quota_limit, current_usage) values (%L, ''weekly'', 1, %L)',
      tests.id_of('acme'), c.usage)) as e (error)
    order by c.n),
  array['PT400 current_usage current_usage must be a number from 0, not -1.',
    'PT400 current_usage current_usage must be a number from 0, not NaN.', ''],
  'use that is given is from zero');

select * from finish();
rollback;
