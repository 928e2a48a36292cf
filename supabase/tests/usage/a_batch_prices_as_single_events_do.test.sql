begin;
select plan(3);

select tests.create_organization('list');
select tests.create_organization('marked up');
select tests.create_organization('negotiated');
select tests.create_model('echo', '{"input": 1, "output": 10, "cache_read": 0.1}');
select public.set_price('lab', 'echo', '{"input": 2, "output": 20}', context_from => 3000);
select public.set_price('lab', 'owl', '{"input": 3}', valid_from => now() + interval '1 hour');
select public.set_price('lab', 'echo', '{"input": 0.5, "output": 5}', organization_id => tests.id_of('negotiated'));
select public.set_markup(tests.id_of('marked up'), 1.2);

-- What is plain, what only seems so, and what cannot be: each with a name, so that both answers agree in it.
create temporary table stated as
select jsonb_agg(b.base || v.variant || jsonb_build_object('id', tally.uuid_v7(now()), 'organization_id', tests.id_of(o.name))
  order by o.name, v.n) as events
from (select '{"provider": "lab", "model": "echo", "input_tokens": 1000, "output_tokens": 100}'::jsonb as base) as b
cross join (values ('list'), ('marked up'), ('negotiated'), ('nowhere')) as o (name)
cross join unnest(array[
  '{}', '{"classes": {"cache_read": 900}}', '{"classes": {"cache_read": 1000, "reasoning": 100}}',
  '{"classes": {"cache_write": 10, "reasoning": 7}}', '{"classes": {"cache_read": 1001}}', '{"classes": {"cache_read": -1}}',
  '{"classes": {"cache_read": 0.5}}', '{"classes": {"cache_read": 0}}', '{"classes": {"input": 1000, "output": 100}}',
  '{"classes": {"web_search": 1}}', '{"classes": {"joules": 1}}', '{"input_tokens": 3000}', '{"input_tokens": 2999}',
  '{"model": "owl"}', '{"model": "nobody-knows"}', '{"model": "openai/gpt-4o", "provider": "openrouter"}',
  '{"provider": "openai", "model": "gpt-4o-2024-08-06"}', '{"service_tier": "batch"}', '{"input_tokens": null}',
  '{"units": 3, "unit_type": "images"}', '{"cost_usd": 0.25}', '{"status": "aborted", "duration_ms": 12}', '{"status": "odd"}',
  '{"tool_name": "[a] {b}", "is_byok": true}', '{"idempotency_key": ""}', '{"request_metadata": {"a": 1}}', '{"surprise": 1}',
  '{"input_tokens": null, "output_tokens": null, "classes": {"input": 7, "cache_read": 900, "output": 3, "reasoning": 2}}',
  '{"input_tokens": null, "output_tokens": null, "classes": {"cache_read": 5}}', '{"input_tokens": null, "output_tokens": null}',
  '{"input_tokens": null, "output_tokens": null, "classes": {}}', '{"input_tokens": null, "classes": {"input": 2990, "cache_read": 10}}',
  '{"input_tokens": 907, "classes": {"input": 7, "cache_read": 900, "output": 100}}', '{"classes": {"input": 7}}',
  '{"classes": {"input": 1000, "output": 0, "reasoning": 100}}', '{"classes": {"input": 1000, "output": -1}}',
  '{"input_tokens": 1000, "output_tokens": null, "classes": {"input": 999, "cache_write": 1}}', '{"classes": {"output": 99}}',
  '{"input_tokens": null, "classes": {"input": 2000000000000}}', '{"input_tokens": -5}',
  '{"created_at": "2020-01-01T00:00:00Z"}', '{"duration_ms": -1}', '{"output_tokens": 1000000000001}', '{"provider": " "}'
]::jsonb[]) with ordinality as v (variant, n);

select is(
  (select count(*)::integer from stated, unnest(tally.check_plain_events(events, now()))), 176, 'every event is answered');
select results_eq(
  $$ select to_jsonb(c) from stated, unnest(tally.check_plain_events(events, now())) with ordinality as c order by c.ordinality $$,
  $$
    select to_jsonb(c) || jsonb_build_object('ordinality', e.place)
    from stated
    cross join jsonb_array_elements(events) with ordinality as e (raw, place)
    cross join lateral tally.check_event(e.raw, now()) as c
    order by e.place
  $$, 'as it is when it comes alone');
select is(
  (select count(*)::integer from stated, unnest(tally.check_events(events || '[{"input_tokens": "many"}, {"classes": {"input": "7"}}, 7]', now())) as c
   where c.problem is null),
  (select count(*)::integer from stated, unnest(tally.check_plain_events(events, now())) as c where c.problem is null),
  'one value of a wrong type does not spoil the others');

select * from finish();
rollback;
