import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildPackage } from "../../client/scripts/build-package.ts";

const packageDir = resolve(import.meta.dirname, "..");

/**
 * Builds the package; React and the client are the application's own. The first line tells frameworks
 * with server components that these use state.
 */
export function buildReact(outDir: string): Promise<void> {
  const external = ["react", "@tallybase/client"];
  return buildPackage(packageDir, outDir, { external, banner: '"use client";' });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildReact(join(packageDir, "dist"));
}
