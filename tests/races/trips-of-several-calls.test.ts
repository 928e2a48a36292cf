import postgres, { type Sql } from "postgres";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../support/create-database.ts";
import { mintId } from "./callers/mint-id.ts";
import { openOrganization } from "./open-organization.ts";

const CONNECTIONS = 64;

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: CONNECTIONS + 1 });
  await Promise.all(Array.from({ length: CONNECTIONS }, () => sql`select pg_sleep(0.05)`));
});

afterEach(async () => {
  expect(await sql`select * from public.verify_ledger()`).toEqual([]);
});

afterAll(async () => {
  await sql.end();
  await database.drop();
});

interface Admission {
  allowed: boolean;
  hold_id: string;
}

const together = <T>(work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => work(index)));

const shuffled = <T>(items: T[]): T[] =>
  items
    .map((item) => [Math.random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);

/** Trips of so many calls, all alike, one for each connection. */
async function admit(request: string, calls: number): Promise<Admission[]> {
  const trip = Array(calls).fill([JSON.parse(request), { has_operator_key: true }]);
  const trips = await together(async () => {
    const rows = await sql<{ answer: Admission }[]>`
      select answer from tally.admit_gateway_calls(${JSON.stringify(trip)}::text::jsonb) as answer`;
    return rows.map(({ answer }) => answer);
  });
  return trips.flat();
}

async function settle(calls: unknown[]) {
  return await sql<{ id: string; cost_usd: string; error: unknown }[]>`
    select id, cost_usd, error from tally.settle_gateway_calls(${JSON.stringify(calls)}::text::jsonb)`;
}

async function standing(organizationId: string) {
  const [row] = await sql`
    select current_usage::float8, reserved::float8 from public.quota_status(${organizationId})`;
  return { ...row };
}

test.each([
  { fitting: 20, calls: 5 },
  { fitting: 203, calls: 7 },
])("trips of $calls that meet on a quota of $fitting admit exactly as many", async (trip) => {
  const { organizationId, event } = await openOrganization(sql, { requests: trip.fitting });
  const answers = await admit(event({ input_tokens: 4, max_output_tokens: 4 }), trip.calls);
  expect(answers).toHaveLength(CONNECTIONS * trip.calls);
  expect(answers.filter(({ allowed }) => allowed)).toHaveLength(trip.fitting);
  expect(await standing(organizationId)).toEqual({ current_usage: 0, reserved: trip.fitting });
});

test("holds that are in many trips at once, each in an order of its own, are settled once", async () => {
  const { organizationId, event } = await openOrganization(sql, { requests: 1_000 });
  const held = await admit(event({ input_tokens: 4, max_output_tokens: 4 }), 1);
  const calls = held.map(({ hold_id }) => {
    const used = JSON.parse(event({ id: mintId(), input_tokens: 4, output_tokens: 2 }));
    return [hold_id, used, {}] as const;
  });

  await together(async (index) => {
    if (index % 16 === 0) await sql`select tally.tick()`;
    const mine = shuffled([...calls]).slice(0, 12);
    const answers = await settle(mine);
    for (const [place, { id, error }] of answers.entries()) {
      expect(error).toBeNull();
      expect(id).toBe(mine[place]?.[1].id);
    }
  });

  await settle([...calls]);
  await sql`select tally.tick()`;
  expect(await standing(organizationId)).toEqual({ current_usage: CONNECTIONS, reserved: 0 });
  const [events] = await sql`
    select count(*)::int from public.token_usage where organization_id = ${organizationId}`;
  expect(events?.count).toBe(CONNECTIONS);
});
