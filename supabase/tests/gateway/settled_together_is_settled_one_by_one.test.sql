begin;
select plan(5);

select tests.create_organization(name) from unnest('{acme,other}'::text[]) as name;
select public.set_quota(tests.id_of(name), 'monthly', 10) from unnest('{acme,other}'::text[]) as name;
create function pg_temp.hold() returns text language sql as $$
  select public.reserve_usage(jsonb_build_object('organization_id', tests.id_of('acme'), 'provider', 'openai', 'model', 'gpt-4o',
    'input_tokens', 1000, 'max_output_tokens', 500)) ->> 'hold_id' $$;
create temp table calls (place serial, hold_id text default pg_temp.hold(), event jsonb default '{}', more jsonb default '{}');
insert into calls (event) values ('{}'), ('{"output_tokens": 9000}'), ('{"input_tokens": -1}'), ('{"organization_id": null}'),
  ('{"model": "gpt-of-nobody"}'), ('{"units": 2, "unit_type": "image"}'), ('{"idempotency_key": "mine"}');
insert into calls (more) values ('{"is_late": true}'), ('{"counted_tokens": 500, "counted_model": "gpt-4o"}'),
  ('{"headroom": {"metric": "total_tokens", "remaining": "100", "held": "50"}}');
insert into calls (hold_id) values (null), (tally.uuid_v7(now())), (gen_random_uuid()), (tally.uuid_v7(now() - interval '36 days'));
insert into calls (event) select jsonb_build_object('organization_id', tests.id_of('other'));
insert into calls (more) select jsonb_build_object('others', jsonb_build_array(jsonb_build_object('organization_id',
  tests.id_of('acme'), 'id', tally.uuid_v7(now()), 'provider', 'openai', 'model', 'gpt-4o-mini', 'input_tokens', 10)));
-- Twice in one trip, and known before it.
insert into calls (hold_id) select hold_id from calls where place = 1;
-- Two holds and one id: holds are settled in the order of their ids.
insert into calls (hold_id, event) select h, jsonb_build_object('id', tally.uuid_floor(now()), 'input_tokens', row_number() over by_id)
from (select pg_temp.hold() as h from generate_series(1, 2) offset 0) as two window by_id as (order by h);
insert into calls (event) select jsonb_build_object('id', public.track_usage(jsonb_build_object('organization_id',
  tests.id_of('acme'), 'provider', 'openai', 'model', 'gpt-4o', 'input_tokens', 400, 'output_tokens', 100)) -> 'id');
insert into calls (hold_id) select public.release_hold(pg_temp.hold()::uuid) ->> 'hold_id';
insert into calls default values;
update public.usage_holds set expires_at = now() where id = (select hold_id from calls order by place desc limit 1)::uuid;
select tally.fold(tests.id_of('acme'));
update calls set event = jsonb_build_object('organization_id', tests.id_of('acme'), 'id', tally.uuid_v7(now()), 'provider', 'openai',
  'model', 'gpt-4o', 'input_tokens', 400, 'output_tokens', 100) || event;

create function pg_temp.books() returns jsonb language sql as $$
  select jsonb_build_object(
    'events', (select jsonb_agg(to_jsonb(u) - 'recorded_at' order by u.id) from public.token_usage as u),
    'holds', (select jsonb_agg(jsonb_build_array(h.id, h.state, h.event_id) order by h.id) from public.usage_holds as h),
    'samples', (select jsonb_agg(s.ratio) from tally.token_samples as s),
    'quotas', (select jsonb_agg(jsonb_build_array((s.quota).id, trim_scale(s.used), trim_scale(s.held)))
      from tally.quota_states(tests.id_of('acme'), now()) as s)) $$;
create function pg_temp.settle(hold_id text, event jsonb, more jsonb) returns jsonb language plpgsql as $$
begin
  return tally.settle_gateway_call(hold_id::uuid, event, more) || '{"error": null}';
exception when others then
  return jsonb_build_object('id', null, 'cost_usd', null, 'remaining', null, 'error', sqlstate);
end $$;

savepoint fresh;
select jsonb_agg(pg_temp.settle(hold_id, event, more) order by place) as answers, null as books from calls \gset one_
select pg_temp.books() as books \gset one_
rollback to fresh;
select jsonb_agg(jsonb_set(to_jsonb(a), '{error}', coalesce(to_jsonb(a) #> '{error,code}', 'null'))) as answers
from tally.settle_gateway_calls((select jsonb_agg(jsonb_build_array(hold_id, event, more) order by place) from calls)) as a \gset all_
select is(:'all_answers'::jsonb, :'one_answers'::jsonb, 'each gets the answer that it would get by itself');
select is(pg_temp.books(), :'one_books'::jsonb, 'and the books are the same');
select is(array_agg(distinct a ->> 'error' order by a ->> 'error'), '{PT400,PT404,PT409,PT410,NULL}',
  'errors of every kind among them') from jsonb_array_elements(:'all_answers'::jsonb) as a;
select is_empty('select * from public.verify_ledger()', 'the ledger is whole');
select tally.fold(tests.id_of('acme'));
select is_empty('select from public.verify_ledger()', 'folded too');

select * from finish();
rollback;
