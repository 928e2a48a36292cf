import postgres, { type Sql } from "postgres";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../support/create-database.ts";
import { openOrganization } from "./open-organization.ts";

const CONNECTIONS = 100;

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: CONNECTIONS });
  // Opened beforehand: what follows shall meet in the database, not in the handshake.
  await Promise.all(Array.from({ length: CONNECTIONS }, () => sql`select pg_sleep(0.05)`));
});

afterEach(async () => {
  expect(await sql`select * from public.verify_ledger()`).toEqual([]);
});

afterAll(async () => {
  await sql.end();
  await database.drop();
});

/** Runs `work` once for each connection, all at once. */
function together<T>(work: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => work(index)));
}

async function answer(statement: string, ...parameters: (string | null)[]) {
  const [row] = await sql.unsafe(`select ${statement} as answer`, parameters);
  return row?.answer;
}

const reserve = (request: string) => answer("public.reserve_usage($1::text::jsonb)", request);

async function standing(organizationId: string) {
  const [row] = await sql`
    select current_usage::float8, reserved::float8, remaining::float8
    from public.quota_status(${organizationId})`;
  return row;
}

test("100 reservations at once on a quota of 10 admit exactly 10", async () => {
  const { organizationId, event } = await openOrganization(sql, { requests: 10 });
  const request = event({ estimated_cost: 0.01 });

  const answers = await together(() => reserve(request));

  expect(answers.filter(({ allowed }) => allowed)).toHaveLength(10);
  const refusals = answers.filter(({ allowed }) => !allowed);
  expect(new Set(refusals.map(({ blocked_by }) => blocked_by.reason))).toEqual(new Set(["quota"]));
  expect(refusals.every(({ hold_id }) => hold_id === null)).toBe(true);
  expect(await standing(organizationId)).toEqual({ current_usage: 0, reserved: 10, remaining: 0 });
});

test("calls that reserve, settle and try again use a quota up exactly", async () => {
  const { organizationId, event } = await openOrganization(sql, { total_tokens: 100 });
  const request = event({ input_tokens: 4, max_output_tokens: 0 });
  const used = event({ input_tokens: 4, output_tokens: 0 });

  const settled = await together(async () => {
    let count = 0;
    // Twice what there is room for.
    while (count < 2) {
      const { allowed, hold_id } = await reserve(request);
      if (!allowed) break;
      await answer("public.settle_usage($1::text::uuid, $2::text::jsonb)", hold_id, used);
      count += 1;
    }
    return count;
  });

  expect(settled.reduce((sum, count) => sum + count, 0)).toBe(25);
  expect(await standing(organizationId)).toEqual({ current_usage: 100, reserved: 0, remaining: 0 });
});

test("one event sent by 100 connections at once is recorded once", async () => {
  const { organizationId, event } = await openOrganization(sql, { requests: 1000 });
  const body = event({ input_tokens: 7, output_tokens: 3, idempotency_key: "sent by all" });

  const answers = await together(() => answer("public.track_usage($1::text::jsonb)", body));

  expect(answers.filter(({ status }) => status === "recorded")).toHaveLength(1);
  expect(answers.filter(({ status }) => status === "duplicate")).toHaveLength(CONNECTIONS - 1);
  expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  expect(await standing(organizationId)).toMatchObject({ current_usage: 1 });
});

test("one hold settled by 100 connections at once is settled once", async () => {
  const { organizationId, event } = await openOrganization(sql, { requests: 1000 });
  const { hold_id } = await reserve(event({ estimated_cost: 0.01 }));
  const body = event({ input_tokens: 7, output_tokens: 3 });

  const answers = await together(() =>
    answer("public.settle_usage($1::text::uuid, $2::text::jsonb)", hold_id, body),
  );

  expect(answers.filter(({ status }) => status === "recorded")).toHaveLength(1);
  expect(await standing(organizationId)).toMatchObject({ current_usage: 1, reserved: 0 });
});

test("a call is admitted by all of its quotas or touches none of them", async () => {
  const { organizationId, event } = await openOrganization(sql, { requests: 50, total_tokens: 40 });
  const request = event({ input_tokens: 4, max_output_tokens: 0 });

  const answers = await together(() => reserve(request));

  expect(answers.filter(({ allowed }) => allowed)).toHaveLength(10);
  const rows = await sql`
    select metric, reserved::float8 from public.quota_status(${organizationId}) order by metric`;
  expect(rows.map((row) => ({ ...row }))).toEqual([
    { metric: "requests", reserved: 10 },
    { metric: "total_tokens", reserved: 40 },
  ]);
});

test("ticks that run at once, amid calls, fold each event once", async () => {
  const { organizationId, event } = await openOrganization(sql, { requests: 1000 });
  const body = event({ input_tokens: 7, output_tokens: 3 });

  await together((index) =>
    index % 4 === 0 ? answer("tally.tick()") : answer("public.track_usage($1::text::jsonb)", body),
  );
  await answer("tally.tick()");

  expect(await standing(organizationId)).toMatchObject({ current_usage: 75 });
});
