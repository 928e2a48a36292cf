import { readFileSync } from "node:fs";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../support/create-database.ts";

const GUIDE = readFileSync(new URL("../../docs/upgrading.md", import.meta.url), "utf8");

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

test("the removal of the guide leaves nothing behind", async () => {
  const statements = /```sql\n([\s\S]*?)```/.exec(GUIDE)?.[1];
  if (!statements) throw new Error("docs/upgrading.md has no SQL.");
  const sql = postgres(database.url, { max: 1, onnotice: () => undefined });
  try {
    await sql.unsafe(statements);
    const left = await sql`
      select 'relation' as kind, relname as name from pg_class
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'S')
      union all
      select 'function', p.proname from pg_proc as p
      where p.pronamespace = 'public'::regnamespace
        and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
      union all
      select 'schema', nspname from pg_namespace where nspname = 'tally'`;
    expect([...left]).toEqual([]);
  } finally {
    await sql.end();
  }
});
