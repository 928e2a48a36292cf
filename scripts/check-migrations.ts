/** Applies the migrations to an empty database of each version, as a role that is no superuser. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { useDatabase, VERSIONS } from "./databases/use-database.ts";
import { ROOT } from "./run-command.ts";
import { runScript } from "./run-script.ts";
import { readSupabase } from "./run-supabase.ts";

await runScript(async () => {
  const files = await readdir(join(ROOT, "supabase/migrations"));
  const expected = files.filter((name) => name.endsWith(".sql")).length;
  for (const version of VERSIONS) {
    await useDatabase(version, async ({ name, url }) => {
      const list = await readSupabase(url, ["migration", "list", "--output-format=json"]);
      const applied = JSON.parse(list).migrations.filter(
        (row: { local: string; remote: string }) => row.local === row.remote,
      ).length;
      console.log(`${name}: ${applied} of ${expected} migrations applied`);
      if (applied !== expected) throw new Error(`The CLI ignores a file of supabase/migrations.`);
    });
  }
});
