/** Checks the types of everything that has a tsconfig.json: the root (scripts, tests) and each package. */
import { globSync } from "node:fs";
import { ROOT, runCommand } from "./run-command.ts";
import { runScript } from "./run-script.ts";

await runScript(async () => {
  const projects = globSync(["tsconfig.json", "packages/*/tsconfig.json"], { cwd: ROOT }).sort();
  const failed: string[] = [];
  for (const project of projects) {
    console.log(`tsc --project ${project}`);
    await runCommand("tsc", ["--project", project]).catch(() => failed.push(project));
  }
  if (failed.length > 0) throw new Error(`Type errors in ${failed.join(", ")}.`);
});
