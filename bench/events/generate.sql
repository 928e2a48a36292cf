-- Believable use: a few organizations make most of it, six models, six tools, busy days and quiet nights.
create schema bench;

create function bench.organization(number integer) returns uuid language sql immutable as $$
  select lpad(to_hex(number), 32, '0')::uuid
$$;

-- Half of the events belong to organization 1, about 1 % to organization 2, the rest falls off (Zipf).
create function bench.pick_organization(x double precision, organizations integer) returns integer language sql immutable as $$
  select case
    when organizations = 1 or x < 0.5 then 1
    when x < 0.51 then 2
    else 3 + floor((organizations - 2) * power((x - 0.51) / 0.49, 3))::integer
  end
$$;

create table bench.models (n integer primary key, provider text, model text);
insert into bench.models values (0, 'openai', 'gpt-4o'), (1, 'openai', 'gpt-4o-mini'), (2, 'anthropic', 'claude-sonnet-4-5'),
  (3, 'anthropic', 'claude-haiku-4-5'), (4, 'google', 'gemini-2.5-flash'), (5, 'xai', 'grok-4');
create table bench.tools (n integer primary key, tool text);
insert into bench.tools values (0, 'ad_creator'), (1, 'support_agent'), (2, 'search'), (3, 'summarize'), (4, 'code_review'),
  (5, 'translate');

create function bench.event_id(at timestamptz, seed text) returns uuid language sql immutable as $$
  select (lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(seed), 1, 3)
    || '8' || substr(md5(seed), 4, 15))::uuid
$$;

-- What callers attach to a call, about a hundred characters.
create function bench.metadata(seed text) returns jsonb language sql immutable as $$
  select jsonb_build_object('request_id', 'req_' || substr(md5(seed), 1, 24), 'feature', 'weekly-report',
    'environment', 'production')
$$;

create table bench.batches (kind text, n bigint, body text, primary key (kind, n));

-- Batches as a client sends them: events of the last ten minutes, each with an id of its own.
create procedure bench.make_batches(kind text, size integer, batches integer, organizations integer) language sql as $$
  insert into bench.batches
  select make_batches.kind, b, (
    select jsonb_agg(jsonb_build_object(
      'organization_id', bench.organization(bench.pick_organization(e.x, make_batches.organizations)),
      'id', bench.event_id(e.at, make_batches.kind || b || '-' || e.n),
      'provider', m.provider, 'model', m.model, 'tool_name', t.tool,
      'user_id', bench.organization(1000000 + floor(2000 * e.y)::integer),
      'input_tokens', 500 + floor(4000 * e.z)::integer, 'output_tokens', floor(900 * e.y)::integer,
      'classes', jsonb_build_object('cache_read', floor(400 * e.z)::integer),
      'duration_ms', 200 + floor(5000 * e.z)::integer, 'session_id', 's-' || floor(100000 * e.y),
      'request_metadata', bench.metadata(make_batches.kind || b || '-' || e.n)))::text
    from (
      select g as n, random() as x, random() as y, random() as z,
        date_trunc('milliseconds', now() - random() * interval '10 minutes') as at
      from generate_series(1, make_batches.size) as g
      where b is not null
    ) as e
    join bench.models as m on m.n = floor(6 * e.y)
    join bench.tools as t on t.n = floor(36 * e.z)::integer % 6
  )
  from generate_series(1, make_batches.batches) as b
$$;

-- History by the fastest way there is: rows straight into the table, in the order of its key.
create procedure bench.make_history(events bigint, days integer, organizations integer, seed text) language sql as $$
  insert into public.token_usage (organization_id, id, created_at, input_tokens, output_tokens, price_id, user_id,
    duration_ms, provider, model, tool_name, status, cost_usd, classes)
  select bench.organization(e.o), bench.event_id(e.at, make_history.seed || e.g), e.at, e.input, e.output, null,
    bench.organization(1000000 + e.g::integer % 2000), 200 + e.g::integer % 5000, m.provider, m.model, t.tool,
    case when e.g % 50 = 0 then 'failed' else 'success' end, e.input * 0.0000025 + e.output * 0.00001,
    jsonb_build_object('input', e.input, 'output', e.output)
  from (
    select g, bench.pick_organization(random(), make_history.organizations) as o, 500 + g % 4000 as input, g % 900 as output,
      -- More by day than by night.
      date_trunc('milliseconds', date_trunc('day', now(), 'UTC') - floor(random() * make_history.days) * interval '1 day'
        + (12 + 5 * sin(pi() * (random() - 0.5)) + 6 * (random() - 0.5)) * interval '1 hour') as at
    from generate_series(1, make_history.events) as g
  ) as e
  join bench.models as m on m.n = e.g % 6
  join bench.tools as t on t.n = e.g / 6 % 6
  order by 1, 3, 2
$$;
