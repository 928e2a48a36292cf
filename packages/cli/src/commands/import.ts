import { realpathSync } from "node:fs";
import { parseArgs } from "node:util";
import { CliError } from "../cli-error.ts";
import { askToCheck, type Estimate } from "../import/check-events.ts";
import { Rejections } from "../import/collect-rejections.ts";
import { copyEvents } from "../import/copy-events.ts";
import { foldPending } from "../import/fold-pending.ts";
import { type ImportCounts, importEvents } from "../import/import-events.ts";
import { chooseFormat, type InputFormat, openInput } from "../import/open-input.ts";
import { findDatabaseUrl, type LedgerPlace, openLedger } from "../import/open-ledger.ts";
import { prepareEvents } from "../import/prepare-events.ts";
import { readCsv } from "../import/read-csv.ts";
import { readNdjson } from "../import/read-ndjson.ts";
import { askToRecord } from "../import/send-events.ts";
import { showProgress } from "../import/show-progress.ts";
import { type ImportResult, resultToJson, resultToTable } from "../import/show-result.ts";
import { addDecimal } from "../prices/decimal.ts";

const HELP = `Usage: tallybase import <file|-> [options]

Loads usage of any age from CSV or NDJSON (.gz too), priced by the cards of its own time. An event
without an id gets one made from its row: the same file again gives duplicates, never doubles.
Exit code 1: some events were rejected.

  --format <format>       csv or ndjson. Default: by the name of the file
  --skip <columns>        Columns to leave out, by commas
  --dry-run               Check and price everything, write nothing
  --rejects <file>        Write what was rejected as NDJSON: line, reason and event
  --json                  For programs: one object
  --database-url <url>    Default: TALLY_DB_URL, DATABASE_URL, SUPABASE_DB_URL or the local stack
  --batch <number>        Events in one statement, 1 to 10000. Default: 2000
  --connections <number>  Statements at once, 1 to 32. Default: 4
  --project <dir>         Default: the project of this directory
  --state-dir <dir>       Default: .tallybase in the project`;

interface ImportOptions {
  file: string;
  format: InputFormat;
  skip: ReadonlySet<string>;
  isDryRun: boolean;
  isJson: boolean;
  rejectsFile: string | undefined;
  batch: number;
  connections: number;
  place: LedgerPlace;
}

/** `tallybase import` */
export async function run(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (!options) return 0;
  const result = await importFile(options);
  process.stdout.write(`${options.isJson ? resultToJson(result) : resultToTable(result)}\n`);
  return result.rejected > 0 ? 1 : 0;
}

async function importFile(options: ImportOptions): Promise<ImportResult> {
  const { file, isDryRun, connections } = options;
  const input = await openInput(file);
  const url = findDatabaseUrl(options.place, process.env);
  const rows = (options.format === "csv" ? readCsv : readNdjson)(input.text, options.skip);
  const counts: ImportCounts = { events: 0, recorded: 0, duplicates: 0, retries: 0 };
  const estimate: Estimate = { costUsd: "0", unpriced: 0 };
  const ask = askToCheck((more) => {
    estimate.costUsd = addDecimal(estimate.costUsd, more.costUsd);
    estimate.unpriced += more.unpriced;
  });
  await using resources = new AsyncDisposableStack();
  const sql = await openLedger(url, connections);
  resources.defer(() => sql.end({ timeout: 5 }));
  const rejections = await Rejections.open(options.rejectsFile);
  resources.defer(() => rejections.close());
  let label = isDryRun ? "Checking" : "Loading";
  const progress = showProgress(process.stderr, () => ({
    label,
    part: label === "Folding" ? null : input.progress(),
    events: counts.events,
    retries: counts.retries,
  }));
  resources.defer(() => progress.stop());

  const startedAt = performance.now();
  await importEvents({
    sql,
    batches: prepareEvents(rows, options.batch),
    ways: isDryRun ? { ask, copy: null } : { ask: askToRecord, copy: copyEvents },
    connections,
    rejections,
    counts,
    isDryRun,
  });
  const loadedAt = performance.now();
  label = "Folding";
  const folded = isDryRun ? null : await foldPending(sql);
  return {
    file,
    isDryRun,
    ...counts,
    rejected: rejections.count,
    rejections: rejections.groups(),
    seconds: (loadedAt - startedAt) / 1000,
    foldSeconds: (performance.now() - loadedAt) / 1000,
    folded,
    estimate: isDryRun ? estimate : null,
    rejectsFile: options.rejectsFile ?? null,
  };
}

function readOptions(args: string[]): ImportOptions | null {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      format: { type: "string" },
      skip: { type: "string", default: "" },
      "dry-run": { type: "boolean", default: false },
      rejects: { type: "string" },
      json: { type: "boolean", default: false },
      "database-url": { type: "string" },
      batch: { type: "string", default: "2000" },
      connections: { type: "string", default: "4" },
      project: { type: "string", default: "." },
      "state-dir": { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return null;
  }
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) {
    throw new CliError(
      file === undefined ? "There is no file to import." : "One file is imported at a time.",
      "Usage: tallybase import <file|->. tallybase import --help tells more.",
    );
  }
  if (values.rejects !== undefined && isSameFile(file, values.rejects)) {
    throw new CliError(
      "--rejects names the file that is imported, which it would overwrite.",
      "Name another one.",
    );
  }
  return {
    file,
    format: chooseFormat(file, values.format),
    skip: new Set(
      values.skip
        .split(",")
        .map((name) => name.trim())
        .filter(Boolean),
    ),
    isDryRun: values["dry-run"],
    isJson: values.json,
    rejectsFile: values.rejects,
    batch: readNumber("--batch", values.batch, 10_000),
    connections: readNumber("--connections", values.connections, 32),
    place: {
      databaseUrl: values["database-url"],
      project: values.project,
      stateDir: values["state-dir"],
    },
  };
}

function isSameFile(first: string, second: string): boolean {
  try {
    return realpathSync(first) === realpathSync(second);
  } catch {
    return false;
  }
}

function readNumber(flag: string, text: string, most: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= most) return number;
  throw new CliError(`${flag} ${text} is not a number from 1 to ${most}.`);
}
