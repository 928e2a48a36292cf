import { randomUUID } from "node:crypto";
import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../support/create-database.ts";

const WORKERS = 6;
const ROUNDS = 40;

let database: TestDatabase;
let sql: Sql;
let organizationId: string;

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: WORKERS + 2, onnotice: () => undefined });
  const [row] = await sql`
    insert into public.organizations (name) values ('Races') returning id`;
  organizationId = String(row?.id);
  await sql`select public.set_price('lab', 'echo', '{"input": 1, "output": 10}', valid_from => '2020-01-01')`;
});

afterAll(async () => {
  await sql.end();
  await database.drop();
});

test("runs logged and used by many at once, amid folds, are each counted once", async () => {
  const runs = Array.from({ length: 12 }, () => randomUUID());
  let isOver = false;
  const fold = async () => {
    while (!isOver) await sql`select tally.fold(${organizationId})`;
  };
  const work = async (worker: number) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = runs[(round * 7 + worker) % runs.length];
      // All workers log the same runs with the same words: one of them is first, whoever it is.
      const execution = {
        organization_id: organizationId,
        id,
        package_id: "resolver",
        status: round < ROUNDS / 2 ? "running" : "success",
        created_at: "2026-11-01T10:00:00.000Z",
        duration_ms: round < ROUNDS / 2 ? null : 1000,
      };
      const event = {
        organization_id: organizationId,
        provider: "lab",
        model: "echo",
        execution_id: id,
        input_tokens: 1 + worker,
        output_tokens: round,
      };
      await sql`select public.log_execution(${JSON.stringify(execution)}::text::jsonb)`;
      await sql`select public.track_usage(${JSON.stringify(event)}::text::jsonb)`;
    }
  };
  const folding = fold();
  await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)));
  isOver = true;
  await folding;

  const ask = () => sql`
    select r.status, r.execution_count::int as runs, r.duration_ms::int as duration, r.request_count::int as requests,
      (r.input_tokens + r.output_tokens)::int as tokens, r.cost_usd = (
        select sum(u.cost_usd) from public.token_usage as u where u.organization_id = ${organizationId}) as is_exact
    from tally.package_range(${organizationId}, '{2026-11-01T00:00Z,2026-11-02T00:00Z}', '{}') as r`;
  const [sums] = await sql`
    select count(*)::int as requests, sum(total_tokens)::int as tokens from public.token_usage
    where organization_id = ${organizationId}`;
  expect(sums?.requests).toBe(WORKERS * ROUNDS);
  const expected = [
    { status: "success", runs: runs.length, duration: 1000 * runs.length, ...sums, is_exact: true },
  ];
  expect(await ask()).toEqual(expected);
  await sql`select tally.fold(${organizationId})`;
  expect(await ask()).toEqual(expected);
});
