import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { CliError, messageOf } from "../cli-error.ts";
import { findProject } from "../project/find-project.ts";
import { showDiff } from "./show-diff.ts";
import { findBookMigration, type SyncResult, syncPrices } from "./sync-prices.ts";

const USAGE = `Usage: tallybase prices sync [options]

Builds the price book from the bundled catalogue and prices/*.json, shows what changes, and writes
the migration that loads it.

  --dry-run           show, write nothing
  --force             write in spite of suspicious jumps
  --json              for programs
  --prices DIR        the overlay (default: prices/ of the project)
  --migration FILE    the migration to write (default: the newest *_price_book.sql of the project)`;

function toJson(result: SyncResult): string {
  const { diff, jumps, unpriced, outcome, book } = result;
  return JSON.stringify(
    {
      outcome,
      cards: book.cards.length,
      unchanged: diff.unchanged,
      references: diff.references,
      changes: diff.cards,
      jumps: jumps.map((jump) => jump.reason),
      unpriced,
    },
    null,
    2,
  );
}

async function sync(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      "dry-run": { type: "boolean", default: false },
      force: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      prices: { type: "string" },
      migration: { type: "string" },
    },
  });
  const { root, supabaseDir } = findProject(process.cwd());
  const migration = values.migration ?? findBookMigration(join(supabaseDir, "migrations"));
  if (migration === undefined) {
    throw new CliError(
      "There is no *_price_book.sql among the migrations.",
      "Name the file to write: --migration supabase/migrations/<timestamp>_price_book.sql",
    );
  }
  const result = await syncPrices({
    pricesDir: values.prices ?? join(root, "prices"),
    migration: resolve(migration),
    isDryRun: values["dry-run"],
    isForced: values.force,
  });
  process.stdout.write(`${values.json ? toJson(result) : showDiff(result)}\n`);
  return result.outcome === "refused" ? 1 : 0;
}

/**
 * The command `tallybase prices`.
 * @param argv the arguments after `prices`
 * @returns the exit code: 0 done, 1 refused or failed, 2 wrong usage
 */
export async function run(argv: string[]): Promise<number> {
  const [command, ...args] = argv;
  if (command === "--help" || command === "-h") {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  if (command !== "sync") {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  try {
    return await sync(args);
  } catch (error) {
    const isUsage = error instanceof TypeError && "code" in error;
    process.stderr.write(`${messageOf(error)}\n${isUsage ? `\n${USAGE}\n` : ""}`);
    if (error instanceof CliError && error.hint) process.stderr.write(`${error.hint}\n`);
    return isUsage ? 2 : 1;
  }
}
