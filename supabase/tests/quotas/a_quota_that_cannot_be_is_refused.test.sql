begin;
select plan(1);

select tests.create_organization('acme');

select is(
  array(
    select tests.error_of(format('select public.set_quota(%L, %s)', tests.id_of('acme'), a.arguments)) ->> 'code'
    from unnest(array['null, 5', '''fortnightly'', 5', '''daily'', null', '''daily'', -1', '''daily'', ''NaN''',
      '''daily'', ''Infinity''', '''daily'', 5, ''joules''', '''daily'', 5, null', '''daily'', 5, scope => ''[]''',
      '''daily'', 5, scope => ''{"user": "x"}''', '''daily'', 5, scope => ''{"user_id": "x"}''',
      '''daily'', 5, enforcement => ''lax''', '''daily'', 5, enforcement => null', '''daily'', 5, timezone => ''Mars''',
      '''daily'', 5, alert_thresholds => ''{0}''', '''daily'', 5, unpriced_policy => ''free''',
      '''daily'', 5, unpriced_policy => null']) with ordinality as a (arguments, n)
    order by a.n),
  array_fill('PT400'::text, array[17]), 'each is a clear error');

select * from finish();
rollback;
