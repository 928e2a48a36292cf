import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../support/create-database.ts";

let database: TestDatabase;
let reader: Sql;
let monitor: Sql;

beforeAll(async () => {
  database = await createDatabase();
  reader = postgres(database.url, { max: 1, connection: { application_name: "long report" } });
  monitor = postgres(database.url, { max: 1 });
});

afterAll(async () => {
  await Promise.all([reader.end(), monitor.end()]);
  await database.drop();
});

const isNamed = async () => {
  const rows = await monitor`select subject from tally.old_snapshots('0 seconds')`;
  return rows.some(({ subject }) => subject.includes("long report"));
};

test("a snapshot that somebody keeps open is named, until it is closed", async () => {
  await reader.begin("isolation level repeatable read", async (transaction) => {
    await transaction`select count(*) from public.token_usage`;
    expect(await isNamed()).toBe(true);
  });

  expect(await isNamed()).toBe(false);
});
