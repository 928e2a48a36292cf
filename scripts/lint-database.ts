/** Runs the official linters on a migrated database: advisors (security, speed) and plpgsql_check. */
import { readFileSync } from "node:fs";
import { executeSql } from "./databases/execute-sql.ts";
import { useDatabase } from "./databases/use-database.ts";
import { runScript } from "./run-script.ts";
import { runSupabase } from "./run-supabase.ts";

const EXTENSION_STUBS = readFileSync(
  new URL("databases/extension-stubs.sql", import.meta.url),
  "utf8",
);

await runScript(async () => {
  await useDatabase(17, async ({ name, url }) => {
    console.log(`Advisors, ${name}`);
    await runSupabase(url, ["db", "advisors", "--fail-on=warn"]);
  });
  // plpgsql_check is among Debian's packages only, and it takes a superuser to create it.
  await useDatabase(15, async ({ name, url, adminUrl }) => {
    console.log(`\nFunctions (plpgsql_check), ${name}`);
    await executeSql(adminUrl, "create extension plpgsql_check with schema extensions");
    await executeSql(adminUrl, EXTENSION_STUBS);
    await runSupabase(url, ["db", "lint", "--schema=public,tally", "--fail-on=warning"]);
  });
});
