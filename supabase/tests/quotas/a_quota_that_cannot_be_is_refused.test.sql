begin;
select plan(2);

select tests.create_organization('acme');

select results_eq(
  format($$
    select a.arguments, e.error ->> 'code', e.error ->> 'detail'
    from unnest(array['null, 5', '''fortnightly'', 5', '''daily'', null', '''daily'', -1', '''daily'', ''NaN''',
      '''daily'', ''Infinity''', '''daily'', 5, ''joules''', '''daily'', 5, null', '''daily'', 5, scope => ''[]''',
      '''daily'', 5, scope => ''{"user": "x"}''', '''daily'', 5, scope => ''{"user_id": "x"}''',
      '''daily'', 5, scope => ''{"model": " "}''', '''daily'', 5, enforcement => ''lax''',
      '''daily'', 5, enforcement => null', '''daily'', 5, timezone => ''Mars''',
      '''daily'', 5, alert_thresholds => ''{0}''', '''daily'', 5, alert_thresholds => ''{NaN}''',
      '''daily'', 5, unpriced_policy => ''free''', '''daily'', 5, unpriced_policy => null'])
      with ordinality as a (arguments, n)
    cross join tests.error_of(format('select public.set_quota(%%L, %%s)', %L, a.arguments)) as e (error)
    order by a.n
  $$, tests.id_of('acme')),
  $$ values
    ('null, 5', 'PT400', 'quota_type'), ('''fortnightly'', 5', 'PT400', 'quota_type'),
    ('''daily'', null', 'PT400', 'quota_limit'), ('''daily'', -1', 'PT400', 'quota_limit'),
    ('''daily'', ''NaN''', 'PT400', 'quota_limit'), ('''daily'', ''Infinity''', 'PT400', 'quota_limit'),
    ('''daily'', 5, ''joules''', 'PT400', 'metric'), ('''daily'', 5, null', 'PT400', 'metric'),
    ('''daily'', 5, scope => ''[]''', 'PT400', 'scope'), ('''daily'', 5, scope => ''{"user": "x"}''', 'PT400', 'scope'),
    ('''daily'', 5, scope => ''{"user_id": "x"}''', 'PT400', 'scope'),
    ('''daily'', 5, scope => ''{"model": " "}''', 'PT400', 'scope'),
    ('''daily'', 5, enforcement => ''lax''', 'PT400', 'enforcement'),
    ('''daily'', 5, enforcement => null', 'PT400', 'enforcement'),
    ('''daily'', 5, timezone => ''Mars''', 'PT400', 'timezone'),
    ('''daily'', 5, alert_thresholds => ''{0}''', 'PT400', 'alert_thresholds'),
    ('''daily'', 5, alert_thresholds => ''{NaN}''', 'PT400', 'alert_thresholds'),
    ('''daily'', 5, unpriced_policy => ''free''', 'PT400', 'unpriced_policy'),
    ('''daily'', 5, unpriced_policy => null', 'PT400', 'unpriced_policy')
  $$, 'each is a clear error that names its argument');

select is(
  tests.error_of(format('select public.set_quota(%L, ''daily'', 5, ''joules'')', tests.id_of('acme'))) ->> 'message',
  'metric must be cost_usd, total_tokens, input_tokens, output_tokens, requests or units, not ''joules''.',
  'and what it may be');

select * from finish();
rollback;
