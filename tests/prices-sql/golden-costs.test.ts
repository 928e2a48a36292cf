import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withUsage } from "../../supabase/functions/_tally/merge-usage.ts";
import { createDatabase, type TestDatabase } from "../support/create-database.ts";
import { evaluateSum } from "./support/evaluate-sum.ts";
import { openLedger } from "./support/open-ledger.ts";
import { normalizeFixture, readGolden } from "./support/read-golden.ts";

const { priced, unpriced } = readGolden();
const AT = "2026-11-23T12:00:00Z";

let database: TestDatabase;
let sql: Sql;
let organizationId: string;

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: 1, onnotice: () => undefined });
  organizationId = await openLedger(sql);
});

afterAll(async () => {
  await sql.end();
  await database.drop();
});

interface Tracked {
  readonly status: string;
  readonly cost: string | null;
  readonly source: string | null;
}

/** A provider's response, from its JSON to the rows it leaves: the call's own and those beside it. */
async function track(reference: Parameters<typeof normalizeFixture>[0]): Promise<Tracked[]> {
  const { provider, model, usage } = normalizeFixture(reference);
  const event = { organization_id: organizationId, provider, model, created_at: AT };
  const tracked: Tracked[] = [];
  for (const own of [usage, ...(usage.additional_usage ?? [])]) {
    const [answer] = await sql`
      select t.answer ->> 'id' as id, t.answer ->> 'status' as status
      from (
        select public.track_usage(${JSON.stringify(withUsage(event, own))}::text::jsonb) as answer
      ) as t`;
    const [row] = await sql<Tracked[]>`
      select ${answer?.status} as status, u.cost_usd::text as cost, e.source_url as source
      from public.usage_event(${answer?.id}) as u
      left join public.cost_estimates as e on e.id = u.price_id and e.verified_at is not null`;
    if (row) tracked.push(row);
  }
  return tracked;
}

describe("costs of providers' responses, by the prices that they document", () => {
  test.each(priced)("$file, $name: $cost USD", async ({ sum, cost, also = [], ...reference }) => {
    const costs = [{ sum, cost }, ...also];
    expect(costs.map((one) => evaluateSum(one.sum))).toEqual(costs.map((one) => one.cost));
    const tracked = await track(reference);
    expect(tracked).toEqual(
      costs.map((one) => ({
        status: "recorded",
        cost: one.cost,
        source: expect.stringMatching(/^https:\/\//),
      })),
    );
  });

  test("what xAI states that it charged is what is recorded", () => {
    const stated = priced.flatMap(({ cost, ...reference }) => {
      const { provider, usage } = normalizeFixture(reference);
      const charged = provider === "xai" ? usage.provider_cost_usd : undefined;
      return charged === undefined ? [] : [{ cost, charged }];
    });
    expect(stated.length).toBeGreaterThan(3);
    expect(stated.filter(({ cost, charged }) => cost !== charged)).toEqual([]);
  });
});

describe("responses without a price", () => {
  test.each(unpriced)("$file, $name: $why", async ({ why: _, ...reference }) => {
    const [before] = await seen(reference);
    const [tracked] = await track(reference);
    expect(tracked).toMatchObject({ status: "recorded", cost: null });
    const [after] = await seen(reference);
    const { usage } = normalizeFixture(reference);
    expect(after).toEqual({
      request_count: (before?.request_count ?? 0) + 1,
      total_tokens: (before?.total_tokens ?? 0) + usage.input_tokens + usage.output_tokens,
    });
  });

  test("of the priced responses none is listed as unpriced", async () => {
    const rows = await sql`
      select v.provider, v.model
      from public.unpriced_usage as v
      where v.organization_id = ${organizationId}
      order by v.provider, v.model`;
    const expected = unpriced.map((reference) => {
      const { provider, model, usage } = normalizeFixture(reference);
      return `${provider} ${usage.model ?? model}`;
    });
    const listed = rows.map(({ provider, model }) => `${provider} ${model}`);
    expect(listed.toSorted()).toEqual([...new Set(expected)].toSorted());
  });
});

/** What `unpriced_usage` says of a response's model. */
function seen(reference: Parameters<typeof normalizeFixture>[0]) {
  const { provider, model, usage } = normalizeFixture(reference);
  return sql<{ request_count: number; total_tokens: number }[]>`
    select v.request_count::int, v.total_tokens::int
    from public.unpriced_usage as v
    where v.organization_id = ${organizationId}
      and v.provider = ${provider} and v.model = ${usage.model ?? model}`;
}
