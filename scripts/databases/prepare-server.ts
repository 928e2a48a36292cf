import { readFile } from "node:fs/promises";
import { executeSql } from "./execute-sql.ts";
import type { TestServer } from "./test-server.ts";

const FILES = new URL("../../packages/cli/src/database/", import.meta.url);

/** Adds what a hosted project has before its first migration, and pgTAP. */
export async function prepareServer({ url, adminUrl }: TestServer): Promise<void> {
  // In Postgres 15 only a superuser may give the service role its right to pass row level security.
  await executeSql(adminUrl, "alter role postgres superuser");
  await executeSql(url, await readFile(new URL("roles.sql", FILES), "utf8"));
  await executeSql(url, await readFile(new URL("auth-stub.sql", FILES), "utf8"));
  await executeSql(
    adminUrl,
    `alter role postgres nosuperuser;
     create extension pgtap with schema extensions;
     alter role all set search_path = "$user", public, extensions;`,
  );
}
