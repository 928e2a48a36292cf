begin;
select plan(1);

select tests.create_organization('acme');

select is(
  array(
    select tests.complaint_about(e.event)
    from unnest(array[
      tests.event_of('acme') - 'organization_id',
      tests.event_of('acme') - 'provider', tests.event_of('acme', '{"provider": " "}'),
      tests.event_of('acme') - 'model', tests.event_of('acme', '{"model": ""}'),
      tests.event_of('acme') - 'input_tokens' - 'output_tokens'
    ]) with ordinality as e (event, n) order by e.n),
  array['PT400 organization_id', 'PT400 provider', 'PT400 provider', 'PT400 model', 'PT400 model',
    'PT400 input_tokens'],
  'organization, provider, model, and what was used');

select * from finish();
rollback;
