begin;
select plan(2);

select tests.create_organization('acme');

select tests.track('acme', jsonb_build_object('created_at', date_trunc('day', now()) + interval '0.123456 s'))
  ->> 'id' as id \gset

select is(tally.uuid_time(:'id'), date_trunc('day', now()) + interval '0.123 s', 'to the millisecond');
select isnt_empty(format('select from public.usage_event(%L)', :'id'), 'and finds it');

select * from finish();
rollback;
