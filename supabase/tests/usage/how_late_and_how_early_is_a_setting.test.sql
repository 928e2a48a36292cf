begin;
select plan(1);

select tests.create_organization('acme');
update tally.settings set event_late_limit = '1 hour', event_early_limit = '1 second';

select is(
  array(
    select tests.complaint_about(tests.event_of('acme', jsonb_build_object('created_at', now() + t.shift)))
    from unnest(array['-61 min', '-59 min', '0', '2 s']::interval[]) with ordinality as t (shift, n)
    order by t.n),
  array['PT400 created_at', null, null, 'PT400 created_at'], 'both limits follow it');

select * from finish();
rollback;
