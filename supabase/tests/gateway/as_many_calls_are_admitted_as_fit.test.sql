begin;
select plan(6);

select tests.create_organization('acme');
select public.create_api_key(tests.id_of('acme'), 'server') ->> 'key' as key \gset
select public.set_quota(tests.id_of('acme'), 'monthly', 3, 'requests');
select public.set_quota(tests.id_of('acme'), 'total', 0.04);
create function pg_temp.admit(key text, tokens integer[]) returns setof jsonb language sql as $$
  select tally.admit_gateway_calls((
    select jsonb_agg(jsonb_build_array(
      jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai', 'model', 'gpt-4o',
        'input_tokens', t, 'max_output_tokens', 500, 'expires_in', 600),
      jsonb_build_object('api_key', key, 'has_operator_key', true)) order by place)
    from unnest(tokens) with ordinality as u (t, place))) $$;
create function pg_temp.reserved() returns jsonb language sql as $$
  select jsonb_object_agg(metric, reserved) from public.usage_quotas where organization_id = tests.id_of('acme') $$;

-- 0.0075, 0.055 and 0.0075 USD: the one that does not fit leaves room to the next.
select results_eq(
  format('select (a -> ''allowed'')::boolean, a ->> ''refused_by'' from pg_temp.admit(%L, ''{1000,20000,1000}'') as a', :'key'),
  $$ values (true, null), (false, 'quota'), (true, null) $$, 'only what has no room is refused');
select is(pg_temp.reserved(), '{"cost_usd": 0.0150, "requests": 2}', 'and nothing is kept for it');
select results_eq(
  format('select (a -> ''allowed'')::boolean, a #>> ''{blocked_by,metric}'' from pg_temp.admit(%L, ''{100,100,100}'') as a', :'key'),
  $$ values (true, null), (false, 'requests'), (false, 'requests') $$, 'of calls alike those are admitted that fit, the first first');
select is(pg_temp.reserved() -> 'requests', '3', 'to the last of them');
select results_eq(
  format('select (a -> ''allowed'')::boolean from pg_temp.admit(%L, ''{100,100}'') as a', :'key'),
  $$ values (false), (false) $$, 'none where nothing is left');
select is_empty('select from public.verify_ledger()', 'the ledger is whole');

select * from finish();
rollback;
