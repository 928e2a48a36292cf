begin;
select plan(3);

select tests.create_organization('acme');
select tests.create_model('speech', '{"second": 0.4}');

select is(
  public.track_usage(tests.event_of('acme', jsonb_build_object('model', 'speech', 'resource_type', 'speech',
    'units', 2.5, 'unit_type', u)) - 'input_tokens' - 'output_tokens') -> 'cost_usd',
  '1', u)
from unnest(array['second', 'seconds']) as u;
select results_eq('select distinct unit_type, units, classes from public.token_usage',
  $$ values ('second', 2.5, '{"second": 2.5}'::jsonb) $$, 'kept under one name');

select * from finish();
rollback;
