begin;
select plan(1);

select is(
  tests.codes_of(
    'select public.check_quota(null, ''lab'', ''echo'', 1)',
    'select public.quota_status(null)',
    'select public.set_quota(null, ''monthly'', 1)',
    'select public.create_api_key(null, ''key'')',
    'select public.track_usage(''{"provider": "lab", "model": "echo", "input_tokens": 1}'')',
    'select public.reserve_usage(''{"provider": "lab", "model": "echo", "estimated_cost": 1}'')'
  ),
  array_fill('PT400'::text, array[6]),
  'null and absence are told from an organization that is unknown');

select * from finish();
rollback;
