-- A demo organization with a month of believable use. Local only: hosted projects never run this file.

insert into public.organizations (id, name, timezone)
values ('00000000-0000-4000-8000-000000000001', 'Demo', 'UTC');

insert into public.usage_quotas (organization_id, quota_type, quota_limit, metric)
values
  ('00000000-0000-4000-8000-000000000001', 'monthly', 40, 'cost_usd'),
  ('00000000-0000-4000-8000-000000000001', 'daily', 5000, 'requests');

select setseed(0.42);

-- Working hours are busier than nights, weekdays than weekends; a few models and tools do most of it.
select sum((r.answer ->> 'recorded')::integer) as recorded
from (
  select public.track_usage_batch(jsonb_agg(e.event)) as answer
  from (
    select
      row_number() over () / 500 as batch,
      jsonb_build_object(
        'organization_id', '00000000-0000-4000-8000-000000000001',
        'user_id', format('00000000-0000-4000-8000-0000000001%s', lpad((1 + floor(power(random(), 2) * 5))::text, 2, '0')),
        'provider', m.provider,
        'model', m.model,
        'tool_name', t.tool_name,
        'operation', t.operation,
        'input_tokens', i.input_tokens,
        'classes', jsonb_build_object('cache_read', floor(i.input_tokens * m.cached)),
        'output_tokens', 40 + floor(-ln(1 - random()) * 500),
        'status', case when random() < 0.02 then 'failed' else 'success' end,
        'duration_ms', 300 + floor(-ln(1 - random()) * 2500),
        'created_at', h.hour + random() * interval '59 minutes'
      ) as event
    from generate_series(now() - interval '34 days', now() - interval '1 hour', interval '1 hour') as h (hour)
    cross join lateral generate_series(1, (
      random() * case when extract(isodow from h.hour) > 5 then 3 else 8 end
      * (1.2 + sin((extract(hour from h.hour) - 8) * pi() / 12)))::integer) as n
    cross join lateral (
      select u.* from (values
        (0.45, 'anthropic', 'claude-sonnet-4-6', 0.55),
        (0.70, 'openai', 'gpt-5.4', 0.40),
        (0.85, 'google', 'gemini-3-flash-preview', 0.20),
        (0.95, 'openai', 'gpt-4o-mini', 0.10),
        (1.00, 'xai', 'grok-4.5', 0.25)
      ) as u (upto, provider, model, cached)
      where u.upto >= random() * 0.999 + 0 * n
      order by u.upto limit 1
    ) as m
    cross join lateral (
      select u.* from (values
        (0.50, 'ad_creator', 'generate_ad'),
        (0.75, 'competitor_research', 'analyze_competitor'),
        (0.92, 'support_agent', 'answer_ticket'),
        (1.00, 'summaries', 'summarize')
      ) as u (upto, tool_name, operation)
      where u.upto >= random() * 0.999 + 0 * n
      order by u.upto limit 1
    ) as t
    cross join lateral (select 200 + floor(-ln(1 - random()) * (4000 + 0 * n)) as input_tokens) as i
  ) as e
  group by e.batch
) as r;

-- Seconds of video and characters of speech, beside the tokens.
select public.track_usage_batch(jsonb_agg(jsonb_build_object(
  'organization_id', '00000000-0000-4000-8000-000000000001',
  'provider', 'elevenlabs', 'model', 'eleven_flash_v2_5', 'tool_name', 'video_avatars', 'operation', 'speak',
  'resource_type', 'speech', 'units', 200 + floor(random() * 900), 'unit_type', 'characters',
  'created_at', d.day + random() * interval '20 hours')))
from generate_series(now() - interval '30 days', now() - interval '1 day', interval '1 day') as d (day);
select tally.tick();
