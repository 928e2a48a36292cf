-- Whatever the order of arrival: late events meet the price of their time.
begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo', '{"input": 1, "output": 1}');
select public.set_price('lab', 'echo', '{"input": 2, "output": 2}',
  valid_from => date_trunc('hour', now()) - interval '1 day');

select is(
  array(
    select (tests.track('acme', jsonb_build_object('input_tokens', 1000000, 'output_tokens', 0,
      'created_at', date_trunc('hour', now()) - interval '1 day' + s.shift)) ->> 'cost_usd')::numeric
    from unnest(array['1 s', '-1 s', '0 s', '-1 ms', '1 s', '-1 s']::interval[]) as s (shift)),
  array[2, 1, 2, 1, 2, 1]::numeric[],
  'after, before, at, a millisecond before, after, before');

select * from finish();
rollback;
