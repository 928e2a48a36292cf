begin;
select plan(3);

select tests.create_organization('acme');
drop schema if exists realtime cascade;

select is(tally.enable_realtime(), false, 'there is nothing to enable');
select lives_ok(
  $$ select tally.broadcast_quotas(tests.id_of('acme'), array[gen_random_uuid()]) $$,
  'and nobody to tell');
select hasnt_trigger('public', 'usage_alerts', 'broadcast_alerts', 'alerts cost nothing more');

select * from finish();
rollback;
