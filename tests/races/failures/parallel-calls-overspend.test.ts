import { randomUUID } from "node:crypto";
import postgres, { type Sql } from "postgres";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../../support/create-database.ts";
import { openOrganization } from "../open-organization.ts";

const CONNECTIONS = 50;
/** Of the race with changing plans. */
const CALLERS = 16;
const CALLS = 6;

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: CONNECTIONS });
  await Promise.all(Array.from({ length: CONNECTIONS }, () => sql`select pg_sleep(0.05)`));
});

afterEach(async () => {
  expect(await sql`select * from public.verify_ledger()`).toEqual([]);
});

afterAll(async () => {
  await sql.end();
  await database.drop();
});

/** Asks for `count` holds at once and tells how many were admitted. */
async function admitted(count: number, request: () => string): Promise<number> {
  const answers = await Promise.all(
    Array.from(
      { length: count },
      () => sql<{ allowed: boolean }[]>`
        select (public.reserve_usage(${request()}::text::jsonb) ->> 'allowed')::boolean as allowed`,
    ),
  );
  return answers.filter(([answer]) => answer?.allowed).length;
}

// https://github.com/BerriAI/litellm/issues/34732, https://github.com/elizaOS/eliza/issues/10857,
// https://github.com/danny-avila/LibreChat/pull/15879
test("200 calls that check one budget at the same time do not all pass", async () => {
  const { event } = await openOrganization(sql, { cost_usd: 1 });

  expect(await admitted(200, () => event({ estimated_cost: 0.03 }))).toBe(33);
});

// https://github.com/BerriAI/litellm/issues/40095
test("the first calls of a user whom nobody has seen do not pass the default budget", async () => {
  const { organizationId, event } = await openOrganization(sql, {});
  await sql`insert into public.plans (id, name) values ('crowd', 'Crowd')`;
  await sql`
    insert into public.plan_quotas (plan_id, applies_to, metric, quota_type, quota_limit)
    values ('crowd', 'user', 'requests', 'total', 3), ('crowd', 'api_key', 'requests', 'total', 2)`;
  await sql`select public.assign_plan(${organizationId}, 'crowd')`;

  const user = randomUUID();
  expect(await admitted(50, () => event({ estimated_cost: 0, user_id: user }))).toBe(3);
  const key = randomUUID();
  expect(await admitted(50, () => event({ estimated_cost: 0, api_key_id: key }))).toBe(2);
});

// https://github.com/BerriAI/litellm/issues/27989, https://github.com/BerriAI/litellm/pull/34887
test("plans that change amid calls of many scopes end in no deadlock", async () => {
  const users = Array.from({ length: 8 }, () => randomUUID());
  const { organizationId, event } = await openOrganization(sql, { requests: 1e6 });
  for (const plan of ["one", "two"]) {
    await sql`insert into public.plans (id, name) values (${plan}, ${plan})`;
    await sql`
      insert into public.plan_quotas (plan_id, applies_to, metric, quota_type, quota_limit)
      select ${plan}, a, 'requests', t, 1e6
      from unnest(array['organization', 'user']) as a, unnest(array['daily', 'monthly', 'hourly']) as t`;
  }
  let running = CALLERS;
  const calling = Array.from({ length: CALLERS }, async (_, index) => {
    const user_id = users[index % users.length];
    for (let call = 0; call < CALLS; call += 1) {
      const request = event({ input_tokens: 1, max_output_tokens: 1, user_id });
      const [row] = await sql`
        select public.reserve_usage(${request}::text::jsonb) ->> 'hold_id' as hold`;
      await sql`select public.settle_usage(${row?.hold}, ${event({ input_tokens: 1 })}::text::jsonb)`;
    }
    running -= 1;
  });
  for (let change = 0; running > 0; change += 1) {
    await sql`select public.assign_plan(${organizationId}, ${change % 2 === 0 ? "one" : "two"})`;
    await sql`select tally.fold(${organizationId})`;
  }
  await Promise.all(calling);

  const [row] = await sql`
    select deadlocks::int from pg_stat_database where datname = current_database()`;
  expect(row?.deadlocks).toBe(0);
});
