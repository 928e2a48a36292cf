/**
 * Measures recording against COPY into plain tables, and the reports over a growing history. Writes
 * bench/results/events.md and .json.
 *
 *     npm run bench:events              # about twenty minutes, 1 M events
 *     npm run bench:events -- --quick   # about four, 200,000
 *     npm run bench:events -- --full    # an hour and a half: 1 M, 10 M, and the rollups of 100 M
 *     npm run bench:events -- --recording   # recording alone; the rest of the page stays as it was
 *     npm run bench:events -- --reports     # reports alone, likewise; with --full up to 100 M
 *     npm run bench:events -- --single --freshness   # one event a call, and nothing folded for a while
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { startPostgres } from "../../packages/cli/src/database/start-postgres.ts";
import { ensureDebianPackages } from "../../scripts/databases/ensure-debian-packages.ts";
import { executeSql } from "../../scripts/databases/execute-sql.ts";
import { prepareServer } from "../../scripts/databases/prepare-server.ts";
import { readSupabase } from "../../scripts/run-supabase.ts";
import { foldEverything, measureRecording, measureSingle } from "./measure-recording.ts";
import { makeAdmin, measureReports } from "./measure-reports.ts";
import { type EventsResults, writeMarkdown } from "./write-markdown.ts";

const PARTS = ["recording", "single", "reports", "freshness"] as const;
const RESULTS = fileURLToPath(new URL("../results/", import.meta.url));
const isQuick = process.argv.includes("--quick");
const SECONDS = isQuick ? 3 : 6;
const isFull = process.argv.includes("--full");
const HISTORIES = isFull ? [1e6, 1e7] : [isQuick ? 2e5 : 1e6];
const ORGANIZATIONS = 1_000;
const DAYS = 35;
/** Ten minutes at 100 events a second. */
const PENDING = 60_000;

async function arrange(url: string): Promise<void> {
  for (const file of ["generate.sql", "fill-rollups.sql", "designs.sql"])
    await executeSql(url, readFileSync(new URL(file, import.meta.url), "utf8"));
  await executeSql(
    url,
    `insert into public.organizations (id, name) select bench.organization(n), 'Organization ' || n from generate_series(1, ${ORGANIZATIONS}) as n;
     insert into public.usage_quotas (organization_id, quota_type, quota_limit)
     select bench.organization(n), 'monthly', 1e9 from generate_series(1, ${ORGANIZATIONS}) as n;
     insert into designs.users select bench.organization(1000000 + n) from generate_series(0, 2000) as n;`,
  );
  await makeAdmin(url);
}

/** The rollups of the two measured organizations as if there were this many events; the other
 * organizations keep what they have. */
async function measureFilled(url: string, events: number): Promise<EventsResults["reports"][0]> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    const startedAt = performance.now();
    await sql`call bench.fill_rollups(1, ${events / 2}::bigint, ${DAYS})`;
    await sql`call bench.fill_rollups(2, ${events / 100}::bigint, ${DAYS})`;
    const ms = performance.now() - startedAt;
    await sql`vacuum analyze tally.usage_rollups, tally.duration_rollups, tally.usage_actors`;
    const [rows] = await sql<{ count: number }[]>`
      select ((select count(*) from tally.usage_rollups) + (select count(*) from tally.duration_rollups))::float8 as count`;
    return {
      events,
      fold_us_per_event: (ms * 1000) / (events * 0.51),
      rollup_rows: rows?.count ?? Number.NaN,
      half: await measureReports(url, 1),
      hundredth: await measureReports(url, 2),
    };
  } finally {
    await sql.end();
  }
}

/** History up to a number of events, with its rollups made by the product's own repair. */
async function growTo(
  url: string,
  events: number,
): Promise<{ events: number; us_per_event: number; rows: number }> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    const [before] = await sql<
      { events: number }[]
    >`select count(*)::float8 as events from public.token_usage`;
    const missing = Math.max(events - (before?.events ?? 0), 0);
    console.log(`adding ${missing} events`);
    await sql`select tally.ensure_partitions(now() - interval '3 months', now())`;
    await sql`call bench.make_history(${missing}::bigint, ${DAYS}, ${ORGANIZATIONS}, ${`${events}`})`;
    const startedAt = performance.now();
    const days = await sql<{ organization_id: string; day: Date }[]>`
      select organization_id, date_trunc('day', created_at, 'UTC') as day from public.token_usage group by 1, 2 order by 1, 2`;
    // A transaction a day: what a fold of that day's events would do.
    for (const { organization_id, day } of days)
      await sql`select tally.rebuild_day(${organization_id}, ${day})`;
    const ms = performance.now() - startedAt;
    await sql.unsafe(
      "vacuum analyze public.token_usage, tally.usage_rollups, tally.duration_rollups, tally.usage_actors, tally.usage_dimensions",
    );
    const [after] = await sql<{ rows: number; events: number }[]>`
      select ((select count(*) from tally.usage_rollups) + (select count(*) from tally.duration_rollups))::float8 as rows,
        (select count(*)::float8 from public.token_usage) as events`;
    if (!after) throw new Error("Nothing was counted.");
    return { ...after, us_per_event: (ms * 1000) / after.events };
  } finally {
    await sql.end();
  }
}

async function measureHistories(url: string): Promise<EventsResults["reports"]> {
  const found: EventsResults["reports"] = [];
  for (const wanted of HISTORIES) {
    const { events, us_per_event, rows } = await growTo(url, wanted);
    found.push({
      events,
      fold_us_per_event: us_per_event,
      rollup_rows: rows,
      half: await measureReports(url, 1),
      hundredth: await measureReports(url, 2),
    });
    console.log(found.at(-1));
  }
  return found;
}

async function measureFreshness(url: string): Promise<EventsResults["freshness"]> {
  await executeSql(url, `call bench.make_batches('pending', 100, ${PENDING / 100}, 1)`);
  await executeSql(
    url,
    "select public.track_usage_batch(body::jsonb) from bench.batches where kind = 'pending'",
  );
  const half = await measureReports(url, 1);
  await foldEverything(url);
  return { pending: PENDING, half };
}

async function verify(url: string): Promise<NonNullable<EventsResults["verified"]>> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  const startedAt = performance.now();
  const [checked] = await sql<{ differences: number; events: number }[]>`
    select (select count(*)::int from public.verify_rollup(starts_at => now() - interval '40 days')) as differences,
      (select count(*)::float8 from public.token_usage) as events`;
  await sql.end();
  if (!checked) throw new Error("The rollups were not verified.");
  return { ...checked, seconds: (performance.now() - startedAt) / 1000 };
}

/** The parts that are asked for, each with the day it was measured on. */
async function measure(url: string, ownerUrl: string): Promise<Partial<EventsResults>> {
  const measured_on: Partial<EventsResults["measured_on"]> = {};
  const found: Partial<EventsResults> = {};
  const day = new Date().toISOString().slice(0, 10);
  const asked = PARTS.filter((part) => process.argv.includes(`--${part}`));
  if (isQuick && asked.length > 0)
    throw new Error(
      "A part that is measured alone is not measured quickly: the page has one length of runs.",
    );
  const isWanted = (part: (typeof PARTS)[number]) => asked.length === 0 || asked.includes(part);
  if (isWanted("recording")) {
    found.recording = await measureRecording(url, ownerUrl, directory, SECONDS);
    measured_on.recording = day;
  }
  if (isWanted("single")) {
    found.single = await measureSingle(url, isQuick ? 2 : SECONDS);
    measured_on.single = day;
  }
  if (isWanted("reports")) {
    found.reports = await measureHistories(url);
    found.verified = await verify(url);
    if (isFull) found.reports.push(await measureFilled(url, 1e8));
    measured_on.reports = day;
  }
  if (isWanted("freshness")) {
    found.freshness = await measureFreshness(url);
    measured_on.freshness = day;
  }
  const last: EventsResults = JSON.parse(readFileSync(join(RESULTS, "events.json"), "utf8"));
  return { ...last, ...found, measured_on: { ...last.measured_on, ...measured_on } };
}

await ensureDebianPackages();
const directory = mkdtempSync(join(tmpdir(), "tallybase-bench-"));
const server = await startPostgres({ dataDir: join(directory, "data") });
try {
  const { url, adminUrl } = server;
  await prepareServer({ name: "bench", url, adminUrl, stop: async () => undefined });
  await readSupabase(url, ["db", "push", "--yes"]);
  await arrange(adminUrl);
  const conditions = { seconds: SECONDS, cores: availableParallelism() };
  const results = { ...(await measure(adminUrl, url)), conditions } as EventsResults;
  const markdown = writeMarkdown(results);
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, "events.md"), markdown);
  writeFileSync(join(RESULTS, "events.json"), `${JSON.stringify(results, null, 2)}\n`);
  console.log(markdown);
} finally {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
}
