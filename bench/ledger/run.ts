/**
 * Measures admission and settlement against the plain design (update the counter, commit, insert,
 * commit, update), in one run on one server. Writes bench/results/ledger.md and .json.
 *
 *     npm run bench:ledger            # about fourteen minutes: 10^4 open holds, 10^6 events
 *     npm run bench:ledger -- --quick # six
 *     npm run bench:ledger -- --full  # half an hour and 5 GB: 10^5 open holds, 10^7 events
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { startPostgres } from "../../packages/cli/src/database/start-postgres.ts";
import { ensureDebianPackages } from "../../scripts/databases/ensure-debian-packages.ts";
import { executeSql } from "../../scripts/databases/execute-sql.ts";
import { prepareServer } from "../../scripts/databases/prepare-server.ts";
import { readSupabase } from "../../scripts/run-supabase.ts";
import { compare } from "../compare.ts";
import { addEvents, addOpenHolds, arrange } from "./arrange.ts";
import { countGrants } from "./count-grants.ts";
import { measureSnapshot } from "./measure-snapshot.ts";
import {
  agentRun,
  bareCall,
  call,
  callOf,
  callWithKeys,
  FOUR_QUOTAS,
  ORGANIZATIONS,
  plainCall,
  plainCallInTwo,
  plainCallWithoutHold,
  SPECIAL,
} from "./scripts.ts";
import { type LedgerResults, writeMarkdown } from "./write-markdown.ts";

const RESULTS = fileURLToPath(new URL("../results/", import.meta.url));
const isQuick = process.argv.includes("--quick");
const isFull = process.argv.includes("--full");
const ROUNDS = isQuick ? 1 : 3;
const SECONDS = isQuick ? 4 : 6;
const HOLDS = isFull ? 100_000 : 10_000;
const EVENTS = isFull ? 10_000_000 : 1_000_000;
const CLOSED = { clients: 32, seconds: SECONDS };

/** Folds what is pending every second, as a scheduler does. */
function keepTidy(url: string): { stop(): Promise<void> } {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  const timer = setInterval(() => void sql`select tally.tick()`.catch(console.error), 1_000);
  return {
    stop: async () => {
      clearInterval(timer);
      await sql.end();
    },
  };
}

/** Ours beside the plain design, and beside plainer ones. */
async function compareDesigns(
  url: string,
  what: string,
  organizations: number,
): Promise<LedgerResults["rates"]> {
  const scripts = {
    ours: call({ from: 1, to: organizations }),
    plain: plainCall(organizations, 1),
    inTwo: plainCallInTwo(organizations),
    withoutHold: plainCallWithoutHold(organizations),
  };
  const { ours, plain, inTwo, withoutHold } = await compare(url, scripts, ROUNDS, CLOSED);
  return {
    [`${what}, 32 clients`]: { ours, plain },
    [`${what}, plain in two transactions`]: { ours, plain: inTwo },
    [`${what}, plain without a hold`]: { ours, plain: withoutHold },
  };
}

/** Each question, ours and the plain design in turn. */
async function measureRates(url: string): Promise<LedgerResults["rates"]> {
  const one = { ours: callOf(1), plain: plainCall(1, 1) };
  const usual = {
    ours: call({ from: 1, to: ORGANIZATIONS }),
    plain: plainCall(ORGANIZATIONS, 1, "indexed"),
  };
  const manyFour = { ours: call(FOUR_QUOTAS), plain: plainCall(ORGANIZATIONS, 4) };
  const four = { ours: callOf(SPECIAL.fourQuotas), plain: plainCall(1, 4) };
  const open = (rate: number) => ({ clients: 10, seconds: SECONDS, rate });
  return {
    ...(await compareDesigns(url, "one organization", 1)),
    ...(await compareDesigns(url, `${ORGANIZATIONS} organizations`, ORGANIZATIONS)),
    [`${ORGANIZATIONS} organizations, plain with an indexed usage table, 32 clients`]:
      await compare(url, usual, ROUNDS, CLOSED),
    "one organization, 4 quotas match, 32 clients": await compare(url, four, ROUNDS, CLOSED),
    [`${ORGANIZATIONS} organizations, 4 quotas match, 32 clients`]: await compare(
      url,
      manyFour,
      ROUNDS,
      CLOSED,
    ),
    "one organization, 300 calls/s asked for": await compare(url, one, ROUNDS, open(300)),
    "one organization, 1000 calls/s asked for": await compare(url, one, ROUNDS, open(1_000)),
    "agent runs of 10 calls (runs/s)": await compare(url, { ours: agentRun(10) }, ROUNDS, CLOSED),
    "agent runs of 50 calls (runs/s)": await compare(url, { ours: agentRun(50) }, ROUNDS, CLOSED),
  };
}

/** What is left of the plain design's rate when our rows are written and nothing else is done. */
async function measureRows(url: string): Promise<LedgerResults["rows"]> {
  const designs = (organizations: number) => ({
    bare: bareCall(organizations),
    plain: plainCall(organizations, 1),
  });
  return {
    "one organization": await compare(url, designs(1), ROUNDS, CLOSED),
    [`${ORGANIZATIONS} organizations`]: await compare(url, designs(ORGANIZATIONS), ROUNDS, CLOSED),
  };
}

/** The same call with one thing more. */
async function measureCosts(url: string): Promise<LedgerResults["costs"]> {
  const costs = {
    without: callOf(SPECIAL.withoutAlerts),
    alerts: callOf(1),
    keys: callWithKeys(1),
    fourQuotas: callOf(SPECIAL.fourQuotas),
  };
  const found = await compare(url, costs, ROUNDS, CLOSED);
  await executeSql(url, "update tally.settings set durable_admission = true");
  const { durable } = await compare(url, { durable: callOf(1) }, ROUNDS, CLOSED);
  await executeSql(url, "update tally.settings set durable_admission = false");
  return { ...found, durable };
}

/** One organization among much of its own, beside one that has next to nothing. */
async function measureGrowth(url: string): Promise<LedgerResults["growth"]> {
  console.log(`adding ${HOLDS} open holds and ${EVENTS} events`);
  await addOpenHolds(url, SPECIAL.holds, HOLDS);
  await addEvents(url, SPECIAL.events, EVENTS);
  const runs = await compare(
    url,
    { empty: callOf(2), holds: callOf(SPECIAL.holds), events: callOf(SPECIAL.events) },
    ROUNDS,
    CLOSED,
  );
  return { open_holds: HOLDS, recorded_events: EVENTS, runs };
}

async function check(url: string): Promise<LedgerResults["checked"]> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  const [checked] = await sql<LedgerResults["checked"][]>`
    select (select count(*)::int from public.verify_ledger()) as violations,
      (select deadlocks::int from pg_stat_database where datname = current_database()) as deadlocks`;
  await sql.end();
  if (!checked) throw new Error("The ledger was not checked.");
  return checked;
}

/** The seconds of single runs are of no use to a reader, and a list of rates reads best on one line. */
function toPlain(key: string, value: unknown): unknown {
  if (key === "by_second") return undefined;
  const isRates = Array.isArray(value) && value.every((rate) => typeof rate === "number");
  return isRates ? value.join(", ") : value;
}

async function measure(url: string): Promise<LedgerResults> {
  await arrange(url);
  const tidy = keepTidy(url);
  try {
    const rates = await measureRates(url);
    const rows = await measureRows(url);
    const costs = await measureCosts(url);
    const snapshot = await measureSnapshot(url, 30);
    const grants = [];
    for (const amount of [1, 7, 0.3, 499]) grants.push(await countGrants(url, amount));
    const checked = await check(url);
    return { rates, rows, costs, snapshot, grants, checked, growth: await measureGrowth(url) };
  } finally {
    await tidy.stop();
  }
}

await ensureDebianPackages();
const directory = mkdtempSync(join(tmpdir(), "tallybase-bench-"));
const server = await startPostgres({ dataDir: join(directory, "data") });
try {
  const { url, adminUrl } = server;
  await prepareServer({ name: "bench", url, adminUrl, stop: async () => undefined });
  await readSupabase(url, ["db", "push", "--yes"]);
  const results = await measure(url);
  const conditions = { rounds: ROUNDS, seconds: SECONDS, cores: availableParallelism() };
  const markdown = writeMarkdown(results, conditions);
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, "ledger.md"), markdown);
  const json = JSON.stringify({ conditions, ...results }, toPlain, 2);
  writeFileSync(join(RESULTS, "ledger.json"), `${json}\n`);
  console.log(markdown);
} finally {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
}
