import { execFile } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import postgres from "postgres";
import { executeSql } from "../../scripts/databases/execute-sql.ts";
import { type PgbenchRun, runPgbench } from "../run-pgbench.ts";
import { runStatements, type SendStatement } from "./run-statements.ts";

/** What a way of recording came to; null: not asked. */
export interface Recording {
  rows_per_second: number;
  p50_ms: number | null;
  p99_ms: number | null;
  wal_bytes_per_row: number | null;
  disk_bytes_per_row: number | null;
}

const CLI = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));
/** Rows of the file that is imported, for each second of a run. */
const IMPORT_ROWS = 50_000;

const TRACK = "public.track_usage_batch";

/** Rows of one COPY. */
const COPY_ROWS = 10_000;
/** Of so many different ones: more than an indexed table takes in one run. */
const COPIES = 48;

/** What every table holds before anything is measured: nobody records into an empty one. */
export const ROWS_BEFORE = 500_000;

const COLUMNS =
  "user_id, organization_id, provider, model, tool_name, operation, input_tokens, output_tokens, cost_usd, created_at, duration_ms, request_metadata";

interface Way {
  /** Makes what will be sent, for so many seconds. */
  prepare(url: string, seconds: number): Promise<SendStatement>;
  rows: number;
  clients: number;
  /** What grows: tables whose size is read before and after. */
  tables: string[];
}

const OURS = ["public.token_usage", "tally.usage_deltas", "tally.idempotency_keys"];
/** More than any rate of ours that was seen. */
const ROWS_PER_SECOND = 90_000;

const batches = (
  call: string,
  { rows, organizations, clients }: { rows: number; organizations: number; clients: number },
  tables = OURS,
): Way => ({
  prepare: async (url, seconds) => {
    const bodies = await makeBatches(url, rows, organizations, ROWS_PER_SECOND * seconds);
    return async (sql, n) => {
      const body = bodies[n];
      if (body === undefined) throw new Error("There are too few batches.");
      const [row] = await sql`select ${sql.unsafe(call)}(${body}::text::jsonb) as answer`;
      if (row?.answer.recorded !== rows) throw new Error(JSON.stringify(row?.answer));
    };
  },
  rows,
  clients,
  tables,
});

const copy = (table: string, clients: number, columns = COLUMNS): Way => ({
  prepare: async (url) => {
    const copies = await makeCopies(url, columns);
    return async (sql, n) => {
      const command = `copy designs.${table} (${columns}) from stdin with (format csv)`;
      const one = n % COPIES;
      await pipeline(copies.slice(one, one + 1), await sql.unsafe(command).writable());
    };
  },
  rows: COPY_ROWS,
  clients,
  tables: [`designs.${table}`],
});

/**
 * Each way in turn, on one server, all of them over connections of one driver.
 *
 * @param url - of a superuser
 * @param ownerUrl - of the owner of the database, who imports
 */
export async function measureRecording(
  url: string,
  ownerUrl: string,
  directory: string,
  seconds: number,
): Promise<Record<string, Recording>> {
  const ids = `id, ${COLUMNS}`;
  const mixed = { organizations: 1_000, clients: 8 };
  const one = { organizations: 1, clients: 8 };
  const ways: Record<string, Way> = {
    "COPY, bare heap, 1 client": copy("heap", 1, ids),
    "COPY, bare heap, 8 clients": copy("heap", 8, ids),
    "COPY, indexed table, 1 client": copy("indexed", 1),
    "COPY, indexed table, 8 clients": copy("indexed", 8),
    "COPY, table with a row trigger, 1 client": copy("triggered", 1),
    "JSON of 100 into our columns, unchecked, 8 clients": batches(
      "designs.insert_unchecked",
      { rows: 100, ...mixed },
      ["designs.unchecked"],
    ),
    "JSON of 500 into our columns, unchecked, 8 clients": batches(
      "designs.insert_unchecked",
      { rows: 500, ...mixed },
      ["designs.unchecked"],
    ),
    "track_usage_batch of 100, 8 clients": batches(TRACK, { rows: 100, ...mixed }),
    "track_usage_batch of 500, 8 clients": batches(TRACK, { rows: 500, ...mixed }),
    "track_usage_batch of 100, one organization": batches(TRACK, { rows: 100, ...one }),
    "track_usage_batch of 500, one organization": batches(TRACK, { rows: 500, ...one }),
    "import_usage of 1000, 4 clients": batches("public.import_usage", {
      rows: 1_000,
      organizations: 1_000,
      clients: 4,
    }),
  };
  await fillTables(url);
  const found: Record<string, Recording> = {};
  for (const [name, way] of Object.entries(ways)) {
    found[name] = await record(url, way, seconds);
    console.log(name, found[name]);
    // What a design left behind is not the next one's burden.
    await foldEverything(url);
  }
  found["tallybase import of a CSV file"] = await importFile(url, ownerUrl, directory, seconds);
  return found;
}

/** The command from the start of reading to the last answer, without the tidy-up at its end. */
async function importFile(
  url: string,
  ownerUrl: string,
  directory: string,
  seconds: number,
): Promise<Recording> {
  // The server writes it.
  chmodSync(directory, 0o755);
  const file = join(directory, "import.csv");
  writeFileSync(file, "");
  chmodSync(file, 0o666);
  await executeSql(
    url,
    `call bench.make_batches('import', 1000, ${(IMPORT_ROWS * seconds) / 1000}, 1000);
     copy (
       select e.organization_id, e.id, tally.uuid_time(e.id) as created_at, e.provider, e.model, e.tool_name, e.user_id,
         e.input_tokens, e.output_tokens, e.classes, e.duration_ms, e.session_id, e.request_metadata
       from bench.batches as b
       cross join lateral jsonb_populate_recordset(null::tally.event, b.body::jsonb) as e
       where b.kind = 'import'
     ) to '${file}' with (format csv, header);
     delete from bench.batches where kind = 'import';
     checkpoint;`,
  );
  const command = [CLI, "import", file, "--database-url", ownerUrl, "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, command);
  const answer: { recorded: number; events_per_second: number } = JSON.parse(stdout);
  if (answer.recorded !== IMPORT_ROWS * seconds) throw new Error(`Imported: ${stdout}`);
  console.log("tallybase import", answer);
  return {
    rows_per_second: answer.events_per_second,
    p50_ms: null,
    p99_ms: null,
    wal_bytes_per_row: null,
    disk_bytes_per_row: null,
  };
}

async function record(url: string, way: Way, seconds: number): Promise<Recording> {
  const send = await way.prepare(url, seconds + 2);
  await executeSql(url, "checkpoint");
  const before = await readSizes(url, way.tables);
  const run = await runStatements(url, send, { clients: way.clients, seconds });
  const after = await readSizes(url, way.tables);
  const rows = after.rows - before.rows;
  return {
    rows_per_second: run.per_second * way.rows,
    p50_ms: run.p50_ms,
    p99_ms: run.p99_ms,
    wal_bytes_per_row: (after.wal - before.wal) / rows,
    disk_bytes_per_row: (after.disk - before.disk) / rows,
  };
}

async function readSizes(url: string, tables: string[]) {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    const [sizes] = await sql<{ wal: number; disk: number; rows: number }[]>`
      select (pg_current_wal_insert_lsn() - '0/0')::float8 as wal,
        (select sum(pg_total_relation_size(p.relid))::float8
         from unnest(${tables}::regclass[]) as t (name)
         cross join lateral (
           select i.inhrelid as relid from pg_inherits as i where i.inhparent = t.name union all select t.name
         ) as p) as disk,
        (select count(*)::float8 from ${sql.unsafe(tables[0] ?? "")}) as rows`;
    if (!sizes) throw new Error("No sizes were read.");
    return sizes;
  } finally {
    await sql.end();
  }
}

let made = 0;

/** Batches as JSON text, of at least so many rows. */
async function makeBatches(
  url: string,
  size: number,
  organizations: number,
  rows: number,
): Promise<string[]> {
  made += 1;
  const kind = `batch${made}`;
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    await sql`call bench.make_batches(${kind}, ${size}, ${Math.ceil(rows / size)}, ${organizations})`;
    const found = await sql<
      { body: string }[]
    >`delete from bench.batches where kind = ${kind} returning body`;
    return found.map(({ body }) => body);
  } finally {
    await sql.end();
  }
}

/** What the COPYs send: rows of the last ten minutes, as batches have them. */
async function makeCopies(url: string, columns: string): Promise<Buffer[]> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    const copies: Buffer[] = [];
    for (let n = 0; n < COPIES; n++) {
      const rows = await sql<{ line: string }[]>`
        select concat_ws(',', ${sql.unsafe(columns.startsWith("id") ? "gen_random_uuid()," : "")}
          bench.organization(1000000 + g % 2000), bench.organization(bench.pick_organization(random(), 1000)), m.provider,
          m.model, t.tool, 'generate', 500 + g % 4000, g % 900, 0.012345,
          date_trunc('milliseconds', now() - random() * interval '10 minutes'), 200 + g % 5000,
          '"' || replace(bench.metadata(${n} || '-' || g)::text, '"', '""') || '"') as line
        from generate_series(1, ${COPY_ROWS}) as g
        join bench.models as m on m.n = g % 6
        join bench.tools as t on t.n = g / 6 % 6`;
      copies.push(Buffer.from(`${rows.map(({ line }) => line).join("\n")}\n`));
    }
    return copies;
  } finally {
    await sql.end();
  }
}

/** Fills every table with the same history of 35 days. */
async function fillTables(url: string): Promise<void> {
  const columns =
    "user_id, organization_id, provider, model, tool_name, input_tokens, output_tokens, cost_usd, created_at, duration_ms";
  const plain = ["heap", "indexed", "triggered"].map(
    (table) =>
      `insert into designs.${table} (${columns}) select ${columns} from public.token_usage order by created_at;`,
  );
  await executeSql(
    url,
    `select tally.ensure_partitions(now() - interval '3 months', now());
     call bench.make_history(${ROWS_BEFORE}, 35, 1000, 'before');
     ${plain.join("\n")}
     insert into designs.unchecked (id, classes, ${columns}) select id, classes, ${columns} from public.token_usage
     order by organization_id, created_at, id;
     analyze;`,
  );
}

/** One event a call. */
export async function measureSingle(
  url: string,
  seconds: number,
): Promise<Record<string, PgbenchRun>> {
  const found: Record<string, PgbenchRun> = {};
  for (const organizations of [1, 1_000]) {
    for (const clients of [1, 8, 32]) {
      const script = `\\set o random(1, ${organizations})
select public.track_usage(jsonb_build_object('organization_id', bench.organization(:o::integer), 'provider', 'openai',
  'model', 'gpt-4o', 'input_tokens', 2006, 'classes', '{"cache_read": 1920}'::jsonb, 'output_tokens', 300, 'duration_ms', 812));`;
      const name = `${organizations === 1 ? "one organization" : "1,000 organizations"}, ${clients} clients`;
      found[name] = await runPgbench(url, script, { clients, seconds });
      await foldEverything(url);
    }
  }
  return found;
}

/** Ticks until nothing is left. @returns how many deltas, and in what time */
export async function foldEverything(url: string): Promise<{ deltas: number; ms: number }> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    let deltas = 0;
    const startedAt = performance.now();
    for (;;) {
      const [row] = await sql<
        { folded: number }[]
      >`select (tally.tick() ->> 'folded')::int as folded`;
      if (!row?.folded) return { deltas, ms: performance.now() - startedAt };
      deltas += row.folded;
    }
  } finally {
    await sql.end();
  }
}
