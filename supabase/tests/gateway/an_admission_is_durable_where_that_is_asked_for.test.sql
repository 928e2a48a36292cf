begin;
select plan(4);

select tests.create_organization('acme');
select public.set_quota(tests.id_of('acme'), 'monthly', 100);
select public.set_gateway_policy(tests.id_of('acme'), '{"requests_per_minute": 60}');
create function pg_temp.commit_after(statement text) returns text language plpgsql as $$
begin
  perform set_config('synchronous_commit', 'on', true);
  execute statement;
  return current_setting('synchronous_commit');
end;
$$;
create function pg_temp.admission() returns text language sql as $$
  select format('select tally.admit_gateway_call(%L, %L)',
    jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai', 'model', 'gpt-4o',
      'input_tokens', 10, 'max_output_tokens', 10), '{"has_operator_key": true}')
$$;

select is(pg_temp.commit_after($$select tests.reserve('acme')$$), 'off', 'a reservation does not wait for the disk');
select is(pg_temp.commit_after(pg_temp.admission()), 'off', 'nor does a call through the gateway');
update tally.settings set durable_admission = true;
select is(pg_temp.commit_after($$select tests.reserve('acme')$$), 'on', 'with durable_admission it does');
select is(pg_temp.commit_after(pg_temp.admission()), 'on', 'and so does a call, also where requests are rated');

select * from finish();
rollback;
