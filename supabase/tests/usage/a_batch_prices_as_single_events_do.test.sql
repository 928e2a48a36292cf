begin;
select plan(4);

select tests.create_organization('list');
select tests.create_organization('marked up');
select tests.create_organization('negotiated');
select tests.create_model('echo', '{"input": 1, "output": 10, "cache_read": 0.1, "image": 0.02}');
select public.set_price('lab', 'echo', '{"input": 2, "output": 20}', context_from => 3000);
select public.set_price('lab', 'owl', '{"input": 3}', valid_from => now() + interval '1 hour');
select public.set_price('lab', 'lark', '{"input": 3, "output": 4}', valid_from => now() - interval '1 hour');
select public.set_price('lab', 'echo', '{"input": 0.5, "output": 5}', organization_id => tests.id_of('negotiated'));
select public.set_markup(tests.id_of('marked up'), 1.2, valid_from => now() - interval '10 days');

-- What is plain, what only seems so, and what cannot be: each with a name, by which both answers are compared.
create temporary table stated as
select v.variant, row_number() over w - 1 as index, b.base
  || jsonb_build_object('id', tally.uuid_v7(now()), 'organization_id', tests.id_of(o.name), 'session_id', row_number() over w)
  || v.variant as event
from (select '{"provider": "lab", "model": "echo", "input_tokens": 1000, "output_tokens": 100}'::jsonb as base) as b
cross join (values ('list'), ('marked up'), ('negotiated'), ('nowhere')) as o (name)
cross join unnest(array[
  '{}', '{"classes": {"cache_read": 900}}', '{"classes": {"cache_read": 1000, "reasoning": 100}}',
  '{"classes": {"cache_write": 10, "reasoning": 7}}', '{"classes": {"cache_read": 1001}}', '{"classes": {"cache_read": -1}}',
  '{"classes": {"cache_read": 0.5}}', '{"classes": {"cache_read": 0}}', '{"classes": {"input": 1000, "output": 100}}',
  '{"classes": {"web_search": 1}}', '{"classes": {"joules": 1}}', '{"input_tokens": 3000}', '{"input_tokens": 2999}',
  '{"model": "owl"}', '{"model": "nobody-knows"}', '{"model": "openai/gpt-4o", "provider": "openrouter"}',
  '{"provider": "openai", "model": "gpt-4o-2024-08-06"}', '{"service_tier": "batch"}', '{"input_tokens": null}',
  '{"units": 3, "unit_type": "images"}', '{"units": 0, "unit_type": "Image"}', '{"units": 2.50, "unit_type": "second"}',
  '{"units": 3}', '{"unit_type": "image"}', '{"units": -3, "unit_type": "image"}', '{"units": 3, "unit_type": "barrel"}',
  '{"units": 3, "unit_type": "image", "classes": {"image": 3}}', '{"units": 3, "unit_type": "image", "classes": {"image": 4}}',
  '{"input_tokens": null, "output_tokens": null, "units": 3, "unit_type": "images"}', '{"units": 2e15, "unit_type": "image"}',
  '{"cost_usd": 0.250}', '{"cost_usd": -1}', '{"cost_usd": 2000000000}', '{"cost_usd": 0.1, "model": "nobody-knows"}',
  '{"input_tokens": null, "output_tokens": null, "cost_usd": 3}', '{"status": "aborted", "duration_ms": 12}', '{"status": "odd"}',
  '{"input_tokens": null, "output_tokens": null, "status": "failed"}', '{"input_tokens": null, "output_tokens": null}',
  '{"tool_name": "[a] {b}", "is_byok": true}', '{"operation": "", "is_estimated": true}', '{"workflow_id": "w", "tool_name": null}',
  '{"idempotency_key": ""}', '{"idempotency_key": "{}"}', '{"idempotency_key": {"a": 1}}', '{"idempotency_key": "k"}',
  '{"unit_type": {"a": 1}}', '{"tool_name": {"a": 1}}', '{"operation": ["a"]}', '{"surprise": 1}', '{"surprise": null}',
  '{"request_metadata": {"a": 1}}', '{"request_metadata": []}', '{"request_metadata": "a"}', '{"request_metadata": {"a": 1e17000}}',
  '{"input_tokens": null, "output_tokens": null, "classes": {"input": 7, "cache_read": 900, "output": 3, "reasoning": 2}}',
  '{"input_tokens": null, "output_tokens": null, "classes": {"cache_read": 5}}', '{"classes": {"cache_read": 1.0}}',
  '{"input_tokens": null, "output_tokens": null, "classes": {}}', '{"input_tokens": null, "classes": {"input": 2990, "cache_read": 10}}',
  '{"input_tokens": 907, "classes": {"input": 7, "cache_read": 900, "output": 100}}', '{"classes": {"input": 7}}',
  '{"classes": {"input": 1000, "output": 0, "reasoning": 100}}', '{"classes": {"input": 1000, "output": -1}}',
  '{"input_tokens": 1000, "output_tokens": null, "classes": {"input": 999, "cache_write": 1}}', '{"classes": {"output": 99}}',
  '{"input_tokens": null, "classes": {"input": 2000000000000}}', '{"input_tokens": -5}', '{"model": "lark"}',
  '{"created_at": "2020-01-01T00:00:00Z"}', '{"id": null, "created_at": "2020-01-01T00:00:00Z"}', '{"id": null, "created_at": "infinity"}',
  '{"id": "5b1f1c60-5f0e-4c41-9d2d-9f8a3a2b1c00"}', '{"duration_ms": -1}', '{"output_tokens": 1000000000001}', '{"provider": " "}',
  '{"api_key_id": "5b1f1c60-5f0e-4c41-9d2d-9f8a3a2b1c00", "user_id": "5b1f1c60-5f0e-4c41-9d2d-9f8a3a2b1c01"}'
]::jsonb[] || array[
  jsonb_build_object('id', null, 'created_at', now() - interval '2 days'), jsonb_build_object('created_at', now() - interval '2 days'),
  jsonb_build_object('tool_name', repeat('x', 256)), jsonb_build_object('tool_name', repeat('x', 257)),
  jsonb_build_object('request_metadata', jsonb_build_object('a', repeat('x', 17000)))
]) with ordinality as v (variant, n)
window w as (order by o.name, v.n);

create temporary table alone as
select s.index, s.event ->> 'session_id' as name, to_jsonb(c) as answer, (c.event).id,
  coalesce(c.problem, tally.refusal_of((c.event).organization_id)) as problem,
  to_jsonb(c.event) || jsonb_build_object('price_id', c.price_id) as event
from stated as s cross join lateral tally.check_event(s.event, now()) as c;

select public.track_usage_batch(jsonb_agg(event order by index)) as answer from stated \gset
select results_eq(
  format('select r from jsonb_array_elements(%L::jsonb) as r', :'answer'::jsonb -> 'rejected'),
  'select jsonb_build_object(''index'', index) || problem from alone where problem is not null order by index',
  'what is wrong with an event in a batch is what is wrong with it alone');
select results_eq(
  $$ select u.session_id, to_jsonb(u) - '{recorded_at,total_tokens,id}'::text[] from public.token_usage as u order by u.session_id $$,
  $$ select name, event - 'id' from alone where problem is null order by name $$, 'and what is recorded is the same');

-- Values of a wrong type among them.
truncate public.token_usage, tally.usage_deltas, tally.idempotency_keys;
select public.track_usage_batch(jsonb_agg(event order by index) || $$ [
  {"input_tokens": "many"}, {"classes": {"input": "7"}}, 7, {"input_tokens": null, "classes": {"input": 1e30}}, {"classes": 7}
] $$) as mixed from stated \gset
select is(
  :'mixed'::jsonb || jsonb_build_object('rejected', jsonb_path_query_array(:'mixed', '$.rejected[0 to last - 5]')),
  :'answer'::jsonb, 'values of a wrong type do not spoil the others');

-- What had to be looked at one by one: nothing that a client sends every day.
truncate public.token_usage, tally.usage_deltas, tally.idempotency_keys;
create or replace function tally.check_event(raw jsonb, at timestamptz, late_limit interval default null, base tally.event default null)
returns tally.checked_event language plpgsql as $$
declare
  v_checked tally.checked_event;
begin
  v_checked.problem := '{"code": "one by one"}';
  return v_checked;
end;
$$;
select results_eq(
  $$
    select s.variant
    from stated as s join alone as a using (index)
    where a.problem is null and length(s.variant::text) < 200 and s.event ->> 'organization_id' = tests.id_of('list')::text and exists (
      select from jsonb_array_elements((select public.track_usage_batch(jsonb_agg(event)) -> 'rejected' from stated where index = s.index)) as r
      where r ->> 'code' = 'one by one')
    order by s.index
  $$,
  array[
    '{"classes": {"web_search": 1}}', '{"units": 3, "unit_type": "image", "classes": {"image": 3}}',
    '{"input_tokens": null, "output_tokens": null, "status": "failed"}', '{"tool_name": "[a] {b}", "is_byok": true}',
    '{"idempotency_key": "{}"}', '{"classes": {"cache_read": 1.0}}'
  ]::jsonb[], 'plain is what it should be');

select * from finish();
rollback;
