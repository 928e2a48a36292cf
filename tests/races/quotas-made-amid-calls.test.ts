import { afterAll, beforeAll, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../support/create-database.ts";
import { type Connection, openConnection } from "./callers/connection.ts";
import { mintId } from "./callers/mint-id.ts";
import { openOrganization } from "./open-organization.ts";

const WRITERS = 16;
const QUOTAS = 100;

let database: TestDatabase;
let connections: Connection[];

beforeAll(async () => {
  database = await createDatabase();
  const losses = { count: 0 };
  connections = Array.from({ length: WRITERS + 1 }, () => openConnection(database.url, losses));
});

afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await database.drop();
});

test("a quota made while others record counts every event once", async () => {
  const [maker, ...writers] = connections as [Connection, ...Connection[]];
  const { organizationId, event } = await openOrganization(maker.sql, {});
  let isDone = false;
  let sent = 0;

  const writing = writers.map(async ({ ask }) => {
    while (!isDone) {
      const body = event({ id: mintId(), input_tokens: 7, output_tokens: 3 });
      await ask("public.track_usage($1::text::jsonb)", body);
      sent += 1;
    }
  });
  const failures: string[] = [];
  for (let index = 0; index < QUOTAS; index += 1) {
    try {
      await maker.ask(
        "public.set_quota($1::text::uuid, 'daily', 1e9, 'requests', anchor => now() - interval '1 hour')",
        organizationId,
      );
    } catch (error) {
      failures.push(String(error));
    }
    if (index % 20 === 0) await maker.ask("tally.fold($1::text::uuid)", organizationId);
  }
  isDone = true;
  await Promise.all(writing);

  expect(failures).toEqual([]);
  expect(await maker.sql`select * from public.verify_ledger()`).toEqual([]);
  const rows = await maker.sql`
    select distinct current_usage::int
    from public.quota_status(${organizationId})`;
  expect(rows.map((row) => row.current_usage)).toEqual([sent]);
}, 120_000);
