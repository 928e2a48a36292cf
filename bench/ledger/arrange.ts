import { readFileSync } from "node:fs";
import { executeSql } from "../../scripts/databases/execute-sql.ts";
import { FOUR_QUOTAS, LAST_ORGANIZATION, ORGANIZATIONS, SPECIAL } from "./scripts.ts";

const DESIGNS = ["plain-design.sql", "../events/designs.sql"].map((file) =>
  readFileSync(new URL(file, import.meta.url), "utf8"),
);

/** Events that both designs hold before anything is measured. */
export const EVENTS_BEFORE = 500_000;

/** The uuid of an organization in SQL. */
const id = (organization: number | string) => `lpad(to_hex(${organization}), 32, '0')::uuid`;

/** Both designs with their organizations, each with a quota on its cost; some with more, or less. */
export async function arrange(url: string): Promise<void> {
  const organizations = `(select generate_series(1, ${LAST_ORGANIZATION}) union all select generate_series(${FOUR_QUOTAS.from}, ${FOUR_QUOTAS.to})) as n (o)`;
  await executeSql(
    url,
    `${DESIGNS.join("\n")}
     insert into plain.quotas select o, s, 0, 1e12 from generate_series(1, ${ORGANIZATIONS}) as o, generate_series(1, 4) as s;
     insert into plain.bare_quotas (organization_id, quota_type, quota_limit, period_start)
     select ${id("o")}, 'monthly', 1e12, now() from generate_series(1, ${ORGANIZATIONS}) as o;
     insert into public.organizations (id, name)
     select ${id("o")}, 'Organization ' || o from ${organizations};
     insert into public.usage_quotas (organization_id, quota_type, quota_limit, alert_thresholds)
     select ${id("o")}, 'monthly', 1e9, case when o = ${SPECIAL.withoutAlerts} then '{}' else '{75,90,100}'::numeric[] end
     from ${organizations};
     insert into public.usage_quotas (organization_id, quota_type, quota_limit, metric)
     select ${id("o")}, t, 1e12, m
     from ${organizations},
       (values ('daily', 'cost_usd'), ('monthly', 'total_tokens'), ('hourly', 'requests')) as q (t, m)
     where o = ${SPECIAL.fourQuotas} or o >= ${FOUR_QUOTAS.from};`,
  );
  await addHistory(url);
}

/** Open holds as reserve_usage leaves them, with what the quota keeps for them. */
export async function addOpenHolds(
  url: string,
  organization: number,
  holds: number,
): Promise<void> {
  await executeSql(
    url,
    `with added as (
       insert into public.usage_holds (id, organization_id, provider, model, amounts, quota_ids, expires_at)
       select tally.uuid_v7(now()), q.organization_id, 'openai', 'gpt-4o',
         '{"cost_usd": 0.02, "requests": 1}', array[q.id], now() + interval '1 day'
       from public.usage_quotas as q, generate_series(1, ${holds})
       where q.organization_id = ${id(organization)}
       returning 1
     )
     update public.usage_quotas as q set reserved = q.reserved + (select count(*) from added) * 0.02
     where q.organization_id = ${id(organization)};`,
  );
  await executeSql(url, "vacuum analyze public.usage_holds");
}

/** Events in no quota and no rollup, of these organizations in turn: only the table and its index grow. */
const insertEvents = (
  { from, to }: { from: number; to: number },
  events: number,
  daysAgo: number,
) => `
  insert into public.token_usage (organization_id, id, created_at, provider, model, input_tokens, output_tokens,
    classes, cost_usd, price_id)
  select ${id(`${from} + e.g % ${to - from + 1}`)},
    (lpad(to_hex(e.ms), 12, '0') || '7' || substr(e.hash, 1, 3) || '8' || substr(e.hash, 4, 15))::uuid,
    timestamptz 'epoch' + e.ms * interval '1 millisecond', 'openai', 'gpt-4o', 2006, 300,
    '{"input": 86, "cache_read": 1920, "output": 300}', 0.005615,
    (select price_id from public.estimate_cost('openai', 'gpt-4o', 1, 1))
  from (
    select g, floor(extract(epoch from now() - interval '${daysAgo} days') * 1000)::bigint
      + (g * (30 * 86400000.0 / ${events}))::bigint as ms, md5(g::text) as hash
    from generate_series(1, ${events}) as g
  ) as e;`;

/** Events of the last 30 days. */
export async function addEvents(url: string, organization: number, events: number): Promise<void> {
  await executeSql(url, insertEvents({ from: organization, to: organization }, events, 30));
  await executeSql(url, "vacuum analyze public.token_usage");
}

/** The same events of an earlier month in both designs, since nobody records into empty tables. */
async function addHistory(url: string): Promise<void> {
  const columns = "id, organization_id, provider, model, input_tokens, output_tokens, cost_usd";
  await executeSql(
    url,
    `select tally.ensure_partitions(now() - interval '3 months', now());
     ${insertEvents({ from: 1, to: ORGANIZATIONS }, EVENTS_BEFORE, 62)}
     insert into plain.events (organization, provider, model, input_tokens, output_tokens, cost_usd, created_at)
     select ('x' || right(organization_id::text, 8))::bit(32)::integer, provider, model, input_tokens, output_tokens,
       cost_usd, created_at
     from public.token_usage;
     insert into designs.indexed (organization_id, provider, model, tool_name, operation, input_tokens, output_tokens,
       cost_usd, created_at)
     select organization_id, provider, model, 'search', 'chat', input_tokens, output_tokens, cost_usd, created_at
     from public.token_usage;
     insert into plain.bare_events (${columns}, classes, created_at) select ${columns}, classes, created_at
     from public.token_usage;`,
  );
  await executeSql(url, "vacuum analyze");
}
