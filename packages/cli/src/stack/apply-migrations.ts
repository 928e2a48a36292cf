import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Sql } from "postgres";
import { CliError } from "../cli-error.ts";
import type { Project } from "../project/find-project.ts";
import type { Database } from "./open-database.ts";

const CLI_SETTINGS = {
  NO_COLOR: "1",
  SUPABASE_NO_UPDATE_NOTIFIER: "1",
  SUPABASE_TELEMETRY_DISABLED: "1",
};

/** What `supabase/migrations` holds. */
export interface Migrations {
  versions: string[];
  /** Changes with any byte of any file. */
  hash: string;
}

/** Lists the migrations of a project, as the official CLI names them: `<version>_<name>.sql`. */
export function listMigrations(supabaseDir: string): Migrations {
  const directory = join(supabaseDir, "migrations");
  const files = existsSync(directory)
    ? readdirSync(directory)
        .filter((file) => /^\d+_.+\.sql$/.test(file))
        .sort()
    : [];
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update(readFileSync(join(directory, file)));
  return { versions: files.map((file) => file.split("_")[0] as string), hash: hash.digest("hex") };
}

/** Whether the database has all of these migrations and, when asked, its seed: then nobody needs the slow CLI. */
export async function isUpToDate(
  sql: Sql,
  versions: string[],
  withSeed: boolean,
): Promise<boolean> {
  const [history] = await sql`
    select to_regclass('supabase_migrations.schema_migrations') is not null as has_migrations,
      to_regclass('supabase_migrations.seed_files') is not null as has_seeds`;
  if (!history?.has_migrations || (withSeed && !history.has_seeds)) return false;
  const applied = await sql`select version from supabase_migrations.schema_migrations`;
  const known = new Set(applied.map((row) => row.version));
  if (!versions.every((version) => known.has(version))) return false;
  return !withSeed || (await sql`select from supabase_migrations.seed_files`).length > 0;
}

/**
 * Applies what is missing with the official CLI.
 *
 * @throws CliError with what the CLI said
 */
export async function pushMigrations(
  project: Project,
  database: Database,
  { withSeed, signal }: { withSeed: boolean; signal: AbortSignal },
): Promise<void> {
  const cli = createRequire(import.meta.url).resolve("supabase/package.json");
  const bin: string | Record<string, string> = JSON.parse(readFileSync(cli, "utf8")).bin;
  const entry = join(dirname(cli), typeof bin === "string" ? bin : (bin.supabase as string));
  const args = ["db", "push", "--yes", `--remote=${database.url}`, "--workdir", project.root];
  const child = spawn(process.execPath, [entry, ...args, ...(withSeed ? ["--include-seed"] : [])], {
    // Our own server speaks no TLS: it listens on the loopback interface only.
    env: { ...process.env, ...CLI_SETTINGS, ...(database.isOwn && { PGSSLMODE: "disable" }) },
    signal,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (output += chunk));
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) {
    throw new CliError(
      `The migrations were not applied. The Supabase CLI said:\n${output.trim()}`,
      "Mend what it names and start again, or start over with an empty database: npm start -- --reset",
    );
  }
}
