begin;
select plan(1);

select tests.create_organization('acme');

select is(
  array(
    select e.error ->> 'code' || ' ' || (e.error ->> 'detail')
    from unnest(array['null', '0', '''NaN''', '1, ''gift''', '1, null', '1, priority => 101', '1, priority => null',
      '1, expires_at => now()', '1, rollover => ''1 day''', '1, rollover => ''-1 day'', expires_at => now() + interval ''1 day'''])
      with ordinality as a (arguments, n)
    cross join tests.error_of(format('select public.grant_credit(%L, %s)', tests.id_of('acme'), a.arguments)) as e (error)
    order by a.n),
  array['PT400 amount', 'PT400 amount', 'PT400 amount', 'PT400 category', 'PT400 category', 'PT400 priority',
    'PT400 priority', 'PT400 expires_at', 'PT400 rollover', 'PT400 rollover'], 'each error names its argument');

select * from finish();
rollback;
