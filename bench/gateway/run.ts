/**
 * Measures what our gateway adds to a call beside what `@portkey-ai/gateway` adds, in one run on the
 * same cores with the same provider. Writes bench/results/gateway.md and .json.
 *
 *     npm run bench:gateway            # about seven minutes
 *     npm run bench:gateway -- --quick # one and a half
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { startPostgres } from "../../packages/cli/src/database/start-postgres.ts";
import { prepareServer } from "../../scripts/databases/prepare-server.ts";
import { readSupabase } from "../../scripts/run-supabase.ts";
import { type MemoryRun, measureMemory } from "./measure-memory.ts";
import { measureParts } from "./measure-parts.ts";
import { type LoadRun, sendLoad, type Target } from "./send-load.ts";
import { startOurs, startPortkey, startProvider } from "./start-systems.ts";
import { type Comparison, type GatewayResults, writeMarkdown } from "./write-markdown.ts";

const RESULTS = fileURLToPath(new URL("../results/", import.meta.url));
const isQuick = process.argv.includes("--quick");
const ROUNDS = isQuick ? 1 : 3;
const SECONDS = isQuick ? 3 : 5;
const CONNECTIONS = [1, 8, 32];

function median(runs: LoadRun[]): LoadRun {
  const sorted = runs.toSorted((a, b) => a.per_second - b.per_second);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (!middle) throw new Error("No run to take the median of.");
  return middle;
}

/** Runs all systems in turn, so that a change of the machine's pace meets all of them. */
async function compare(
  targets: Record<"direct" | "portkey" | "ours", Target>,
  tidyUp: () => Promise<void>,
): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const stream of [false, true]) {
    for (const connections of CONNECTIONS) {
      const runs: Record<keyof typeof targets, LoadRun[]> = { direct: [], portkey: [], ours: [] };
      for (let round = 0; round < ROUNDS; round++) {
        for (const name of ["direct", "portkey", "ours"] as const) {
          runs[name].push(await sendLoad(targets[name], { connections, seconds: SECONDS, stream }));
        }
        await tidyUp();
      }
      comparisons.push({
        stream,
        connections,
        direct: median(runs.direct),
        portkey: median(runs.portkey),
        ours: median(runs.ours),
      });
      console.log(JSON.stringify(comparisons.at(-1)));
    }
  }
  return comparisons;
}

/** Long streams through a process with the memory of a hosted one: 256 MB, of which V8 gets half. */
async function measureStreams(
  url: string,
  providerPort: number,
  target: Target,
): Promise<MemoryRun[]> {
  const small = await startOurs(url, providerPort, join(directory, "small.log"), [
    "--v8-flags=--max-old-space-size=128",
  ]);
  try {
    if (small.pid === null) throw new Error("The function's process was not found.");
    const at = new URL(target.url);
    at.port = String(small.port);
    const measure = (what: string, frames: number, bytes: number) =>
      measureMemory({ ...target, url: at.href }, small.pid ?? 0, what, frames, bytes);
    return [
      await measure("a short one, to begin with", 20, 5),
      await measure("100 MB in frames of 1 MB", 100, 1_000_000),
      await measure("100 MB in frames of 1 kB", 100_000, 800),
      await measure("an hour of 50 tokens a second", 180_000, 5),
    ];
  } finally {
    await small.stop();
  }
}

const directory = mkdtempSync(join(tmpdir(), "tallybase-bench-"));
const stops: (() => Promise<void>)[] = [];
try {
  const server = await startPostgres({ dataDir: join(directory, "data") });
  stops.push(() => server.stop());
  const { url, adminUrl } = server;
  await prepareServer({ name: "bench", url, adminUrl, stop: async () => undefined });
  await readSupabase(url, ["db", "push", "--yes"]);
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  stops.push(() => sql.end());
  const [made] = await sql<{ id: string; key: string }[]>`
    with made as (insert into public.organizations (name) values ('Bench') returning id)
    select id::text, '' as key from made`;
  const organizationId = made?.id ?? "";
  const [row] = await sql<{ key: string }[]>`
    select public.create_api_key(${organizationId}, 'bench') ->> 'key' as key,
      public.set_quota(${organizationId}, 'monthly', 1000000)`;
  const apiKey = row?.key ?? "";

  const provider = await startProvider();
  stops.push(provider.stop);
  const portkey = await startPortkey();
  stops.push(portkey.stop);
  const ours = await startOurs(url, provider.port, join(directory, "function.log"));
  stops.push(ours.stop);
  // As a scheduler does, every five seconds at most: folding is part of our cost.
  const tidyUp = async () => {
    await sql`select tally.tick()`;
  };
  const ticking = setInterval(() => void tidyUp().catch(() => undefined), 5_000);
  stops.push(async () => clearInterval(ticking));

  const path = "/v1/chat/completions";
  const custom = `http://127.0.0.1:${provider.port}/v1`;
  const targets = {
    direct: {
      name: "direct",
      url: `http://127.0.0.1:${provider.port}${path}`,
      headers: { authorization: "Bearer bench" },
    },
    portkey: {
      name: "portkey",
      url: `http://127.0.0.1:${portkey.port}${path}`,
      headers: {
        authorization: "Bearer bench",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": custom,
      },
    },
    ours: {
      name: "ours",
      url: `http://127.0.0.1:${ours.port}/gateway/openai${path}`,
      headers: { authorization: `Bearer ${apiKey}` },
    },
  };
  const comparisons = await compare(targets, tidyUp);
  const parts = await measureParts(url, organizationId, apiKey);
  await ours.stop();
  const memory = await measureStreams(url, provider.port, targets.ours);
  const violations = await sql`select * from public.verify_ledger()`;
  if (violations.length > 0) throw new Error(`verify_ledger: ${JSON.stringify(violations)}`);

  const results: GatewayResults = { comparisons, parts, memory };
  const conditions = { rounds: ROUNDS, seconds: SECONDS, cores: availableParallelism() };
  mkdirSync(RESULTS, { recursive: true });
  const markdown = writeMarkdown(results, conditions);
  writeFileSync(join(RESULTS, "gateway.md"), markdown);
  const json = JSON.stringify({ conditions, ...results }, null, 2);
  writeFileSync(join(RESULTS, "gateway.json"), `${json}\n`);
  console.log(markdown);
} finally {
  for (const stop of stops.reverse()) await stop();
  rmSync(directory, { recursive: true, force: true });
}
