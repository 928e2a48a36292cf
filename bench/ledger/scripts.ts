/** What pgbench runs: organizations are numbers here, and uuids that hold them there. */

/** How many organizations there are to choose from. */
export const ORGANIZATIONS = 1_000;
/** Organizations of their own, each for one question. */
export const SPECIAL = { withoutAlerts: 1_001, fourQuotas: 1_002, holds: 1_003, events: 1_004 };
export const LAST_ORGANIZATION = 1_004;

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

/** A call in the plain design. */
export const plainCall = (organizations: number, quotas: number) => `
\\set organization random(1, ${organizations})
begin;
${count(quotas, "+ 0.02")}
commit;
insert into plain.events (organization, provider, model, input_tokens, output_tokens, cost_usd) values (:organization, 'openai', 'gpt-4o', 2006, 300, 0.005615);
begin;
${count(quotas, "- 0.014385")}
commit;
`;
