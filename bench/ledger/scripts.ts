/** What pgbench runs: organizations are numbers here, and uuids that hold them there. */

/** How many organizations there are to choose from. */
export const ORGANIZATIONS = 1_000;
/** Organizations of their own, each for one question. */
export const SPECIAL = { withoutAlerts: 1_001, fourQuotas: 1_002, holds: 1_003, events: 1_004 };
export const LAST_ORGANIZATION = 1_004;
/** As many more, each with four quotas. */
export const FOUR_QUOTAS = { from: 2_001, to: 3_000 };

/** The uuid of the organization with a number, in SQL. */
const ORGANIZATION = "lpad(to_hex(:organization::integer), 32, '0')";
const USE = `'{"input_tokens": 2006, "classes": {"cache_read": 1920}, "output_tokens": 300}'`;

interface CallOptions {
  /** More keys of the request, as arguments of jsonb_build_object. */
  request?: string;
  /** The event, in SQL. */
  event?: string;
}

/** One call admitted and settled, on a random one of these organizations. */
export const call = (
  { from, to }: { from: number; to: number },
  { request = "", event = USE }: CallOptions = {},
) => `
\\set organization random(${from}, ${to})
select public.reserve_usage(jsonb_build_object('organization_id', ${ORGANIZATION}, 'provider', 'openai',
  'model', 'gpt-4o', 'input_tokens', 5000, 'max_output_tokens', 1000${request})) ->> 'hold_id' as hold \\gset
select public.settle_usage(:hold::uuid, ${event});
`;

export const callOf = (organization: number, options?: CallOptions) =>
  call({ from: organization, to: organization }, options);

/** The same with a text key on the request and another on the event. */
export const callWithKeys = (organization: number) =>
  callOf(organization, {
    request: ", 'idempotency_key', gen_random_uuid()::text",
    event: `${USE}::jsonb || jsonb_build_object('idempotency_key', gen_random_uuid()::text)`,
  });

/** One hold for a whole agent run of `calls` calls. */
export const agentRun = (calls: number) => `
\\set organization 1
select public.reserve_usage(jsonb_build_object('organization_id', ${ORGANIZATION}, 'provider', 'openai',
  'model', 'gpt-4o', 'estimated_cost', ${calls} * 0.02, 'requests', ${calls})) ->> 'hold_id' as hold \\gset
${`select public.settle_usage(:hold::uuid, '{"input_tokens": 2006, "output_tokens": 300}', false);\n`.repeat(calls)}
select public.release_hold(:hold::uuid);
`;

/** The counters of a call, in one order, in a transaction of their own. */
const count = (quotas: number, change: string) =>
  Array.from(
    { length: quotas },
    (_, scope) =>
      `update plain.quotas set used = used ${change} where organization = :organization and scope = ${scope + 1} and used ${change} <= quota_limit;`,
  ).join("\n");

/** How a call in the plain design inserts its event: a short row, or one of the indexed usage table of bench:events. */
const PLAIN_EVENT = {
  short:
    "insert into plain.events (organization, provider, model, input_tokens, output_tokens, cost_usd) values (:organization, 'openai', 'gpt-4o', 2006, 300, 0.005615);",
  indexed: `insert into designs.indexed (organization_id, provider, model, tool_name, operation, input_tokens, output_tokens, cost_usd, created_at) values (${ORGANIZATION}::uuid, 'openai', 'gpt-4o', 'search', 'chat', 2006, 300, 0.005615, now());`,
};

/** A call in the plain design. */
export const plainCall = (
  organizations: number,
  quotas: number,
  event: keyof typeof PLAIN_EVENT = "short",
) => `
\\set organization random(1, ${organizations})
begin;
${count(quotas, "+ 0.02")}
commit;
${PLAIN_EVENT[event]}
begin;
${count(quotas, "- 0.014385")}
commit;
`;

/** The same, with the event and what the counter is corrected by in one transaction. */
export const plainCallInTwo = (organizations: number) => `
\\set organization random(1, ${organizations})
${count(1, "+ 0.02")}
begin;
${PLAIN_EVENT.short}
${count(1, "- 0.014385")}
commit;
`;

/** A design that holds nothing: as if the cost were known before the call, it is counted once. */
export const plainCallWithoutHold = (organizations: number) => `
\\set organization random(1, ${organizations})
${count(1, "+ 0.005615")}
${PLAIN_EVENT.short}
`;

/** The rows that a call of ours leaves, in two statements that do nothing else. */
export const bareCall = (organizations: number) => `
\\set organization random(1, ${organizations})
with taken as (
  update plain.bare_quotas set reserved = reserved + 0.02
  where organization_id = ${ORGANIZATION}::uuid and current_usage + reserved + 0.02 <= quota_limit
  returning id, organization_id, set_config('synchronous_commit', 'off', true) as later
)
insert into plain.bare_holds (id, organization_id, provider, model, amounts, quota_ids, expires_at)
select gen_random_uuid(), organization_id, 'openai', 'gpt-4o', '{"cost_usd": 0.0225, "requests": 1}', array[id], now() + interval '10 minutes'
from taken where later is not null returning id as hold \\gset
with ended as (
  update plain.bare_holds set state = 'settled', event_id = gen_random_uuid(), ended_at = now()
  where id = :hold::uuid and state = 'open' returning *
),
recorded as (
  insert into plain.bare_events (organization_id, id, created_at, provider, model, input_tokens, output_tokens, classes, cost_usd, price_id)
  select organization_id, event_id, now(), provider, model, 2006, 300, '{"input": 86, "cache_read": 1920, "output": 300}', 0.005615, 1 from ended
  on conflict do nothing
)
insert into plain.bare_deltas (organization_id, due_at, event_ids, event_times, released_quotas, released, is_beyond_hold)
select organization_id, now(), array[event_id], array[now()], quota_ids, amounts, false from ended;
`;
