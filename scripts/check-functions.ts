/** Checks the edge functions as Deno sees them: format, lint, types, and each function's own lock. */
import { globSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT, runCommand } from "./run-command.ts";
import { runScript } from "./run-script.ts";

await runScript(async () => {
  const cwd = join(ROOT, "supabase/functions");
  await runCommand("deno", ["fmt", "--check"], { cwd });
  await runCommand("deno", ["lint"], { cwd });
  await runCommand("deno", ["check", "--quiet", "."], { cwd });
  // What is deployed is a function with its own imports, pinned by its own lock.
  for (const config of globSync("*/deno.json", { cwd }).sort()) {
    await runCommand("deno", ["check", "--quiet", "--frozen", "index.ts"], {
      cwd: join(cwd, dirname(config)),
    });
  }
});
