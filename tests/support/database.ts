import { createRequire } from "node:module";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** A migrated database that nobody connects to: the template of {@link createDatabase}'s. */
    databaseUrl: string;
  }
}

// Past Vite's module runner, which lacks import.meta.resolve.
const { openDatabase } = createRequire(import.meta.url)(
  "../../scripts/databases/use-database.ts",
) as typeof import("../../scripts/databases/use-database.ts");

/** Starts one Postgres 17 for the whole run and applies the migrations. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await openDatabase(17);
  project.provide("databaseUrl", server.url);
  return () => server.stop();
}
