begin;
select plan(1);

select tests.create_organization('acme');
select tests.create_model('echo');

select is(
  public.track_usage(tests.event_of('acme', '{"status": "failed"}') - 'input_tokens' - 'output_tokens')
    -> 'cost_usd',
  '0', 'it used nothing');

select * from finish();
rollback;
