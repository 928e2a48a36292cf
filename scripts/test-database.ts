/**
 * Runs the pgTAP tests on each version of Postgres: `npm run test:db`, or some files of one version:
 * `npm run test:db -- --postgres 17 supabase/tests/holds`.
 */
import { parseArgs } from "node:util";
import { type PostgresVersion, useDatabase, VERSIONS } from "./databases/use-database.ts";
import { runCommand } from "./run-command.ts";
import { runScript } from "./run-script.ts";

const HELPERS = "supabase/tests/00000-helpers.test.sql";

await runScript(async () => {
  const { values, positionals } = parseArgs({
    options: { postgres: { type: "string" } },
    allowPositionals: true,
  });
  const versions = VERSIONS.filter(
    (version) => !values.postgres || `${version}` === values.postgres,
  );
  if (versions.length === 0) throw new Error(`--postgres is one of ${VERSIONS.join(", ")}.`);
  const paths = positionals.length > 0 ? [HELPERS, ...positionals] : ["supabase/tests"];
  const failed: PostgresVersion[] = [];
  for (const version of versions) {
    await useDatabase(version, async ({ name, url }) => {
      console.log(`\n${name}`);
      await prove(url, paths).catch(() => failed.push(version));
    });
  }
  if (failed.length > 0) throw new Error(`Tests fail on Postgres ${failed.join(" and ")}.`);
});

function prove(url: string, paths: string[]): Promise<void> {
  return runCommand("pg_prove", [`--dbname=${url}`, "--ext=.sql", "--recurse", ...paths], {
    env: { PGOPTIONS: "-c client_min_messages=warning", PSQLRC: "/dev/null" },
  });
}
