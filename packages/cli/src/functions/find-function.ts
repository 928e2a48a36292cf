import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { FunctionConfig } from "../project/read-config.ts";

/** Where the code of an edge function lies. */
export interface FunctionSource {
  name: string;
  entrypoint: string;
  /** What tells Deno how to resolve the imports of this function. */
  denoFlags: string[];
}

/** The names of all functions of a project, as the official CLI finds them. */
export function listFunctions(supabaseDir: string): string[] {
  const directory = join(supabaseDir, "functions");
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^[A-Za-z][\w-]*$/.test(entry.name))
    .filter((entry) => existsSync(join(directory, entry.name, "index.ts")))
    .map((entry) => entry.name)
    .sort();
}

/** Finds a function by its name in the URL; null when there is none. */
export function findFunction(
  supabaseDir: string,
  name: string,
  config: FunctionConfig,
): FunctionSource | null {
  if (!/^[A-Za-z][\w-]*$/.test(name) || !config.isEnabled) return null;
  const directory = join(supabaseDir, "functions", name);
  const entrypoint = config.entrypoint
    ? join(supabaseDir, config.entrypoint)
    : join(directory, "index.ts");
  if (!existsSync(entrypoint)) return null;
  return { name, entrypoint, denoFlags: importFlags(supabaseDir, directory, config.importMap) };
}

function importFlags(supabaseDir: string, directory: string, importMap?: string): string[] {
  const locked = existsSync(join(directory, "deno.lock")) ? [] : ["--no-lock"];
  const own = ["deno.json", "deno.jsonc"].map((name) => join(directory, name)).find(existsSync);
  if (own) return ["--config", own, ...locked];
  if (importMap) return ["--no-config", "--import-map", join(supabaseDir, importMap), "--no-lock"];
  const shared = join(supabaseDir, "functions/deno.json");
  return [...(existsSync(shared) ? ["--config", shared] : ["--no-config"]), "--no-lock"];
}
