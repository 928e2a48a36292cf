import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { inject } from "vitest";

/** A database that only this test file uses. */
export interface TestDatabase {
  /** As the role `postgres`, which owns the database. */
  url: string;
  drop(): Promise<void>;
}

/** Copies the migrated database of the run: call it in `beforeAll`, `drop()` it in `afterAll`. */
export async function createDatabase(): Promise<TestDatabase> {
  const template = new URL(inject("databaseUrl"));
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  const maintenance = new URL("/template1", template).href;
  await execute(maintenance, `create database ${name} template ${template.pathname.slice(1)}`);
  return {
    url: new URL(`/${name}`, template).href,
    drop: () => execute(maintenance, `drop database ${name} with (force)`),
  };
}

async function execute(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1 });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}
