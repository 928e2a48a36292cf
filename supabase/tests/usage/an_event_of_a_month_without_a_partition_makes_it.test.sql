begin;
select plan(1);

select tests.create_organization('acme');
update tally.settings set event_late_limit = '400 days';

select is(
  (select count(*) from generate_series(1, 12) as n
   where tests.track('acme', jsonb_build_object('created_at', now() - n * interval '1 month'))
     ->> 'status' = 'recorded'),
  12::bigint, 'older loads make their partitions');

select * from finish();
rollback;
