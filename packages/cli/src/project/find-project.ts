import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CliError } from "../cli-error.ts";

/** A directory with a `supabase/` folder, and where its local stack keeps things. */
export interface Project {
  root: string;
  supabaseDir: string;
  stateDir: string;
}

/**
 * Finds the project that `start` lies in.
 *
 * @param stateDir where the stack keeps its data, keys and logs; default `.tallybase` in the project
 * @throws CliError when no parent directory has a `supabase/config.toml`
 */
export function findProject(start: string, stateDir?: string): Project {
  let root = resolve(start);
  while (!existsSync(join(root, "supabase/config.toml"))) {
    const parent = dirname(root);
    if (parent === root) {
      throw new CliError(
        `There is no supabase/config.toml in ${resolve(start)} or above it.`,
        "Change to the directory of your Supabase project, or make one: npx supabase init",
      );
    }
    root = parent;
  }
  return {
    root,
    supabaseDir: join(root, "supabase"),
    stateDir: resolve(stateDir ?? join(root, ".tallybase")),
  };
}
