/**
 * Measures admission and settlement against the plain design (update the counter, commit, insert,
 * commit, update), in one run on one server. Writes bench/results/ledger.md and .json.
 *
 *     npm run bench:ledger            # about six minutes
 *     npm run bench:ledger -- --quick # two
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
import { type PgbenchOptions, type PgbenchRun, runPgbench } from "./run-pgbench.ts";

const RESULTS = fileURLToPath(new URL("../results/", import.meta.url));
const PLAIN_DESIGN = readFileSync(new URL("plain-design.sql", import.meta.url), "utf8");
const isQuick = process.argv.includes("--quick");
const ROUNDS = isQuick ? 1 : 3;
const SECONDS = isQuick ? 4 : 6;
const ORGANIZATIONS = 1_000;

/** The uuid of the organization with a number, in SQL. */
const ORGANIZATION = "lpad(to_hex(:organization::integer), 32, '0')";

/** One call admitted and settled, on a random one of the first `organizations`. */
const ours = (organizations: number, user: string) => `
\\set organization random(1, ${organizations})
select public.reserve_usage(jsonb_build_object('organization_id', ${ORGANIZATION}, 'provider', 'openai',
  'model', 'gpt-4o', 'input_tokens', 5000, 'max_output_tokens', 1000${user})) ->> 'hold_id' as hold \\gset
select public.settle_usage(:hold::uuid, '{"input_tokens": 2006, "classes": {"cache_read": 1920}, "output_tokens": 300}');
`;

/** The counters of a call, in one order, in a transaction of their own. */
const count = (quotas: number, change: string) =>
  Array.from(
    { length: quotas },
    (_, scope) =>
      `update plain.quotas set used = used ${change} where organization = :organization and scope = ${scope + 1} and used ${change} <= quota_limit;`,
  ).join("\n");

const plain = (organizations: number, quotas: number) => `
\\set organization random(1, ${organizations})
begin;
${count(quotas, "+ 0.02")}
commit;
insert into plain.events (organization, provider, model, input_tokens, output_tokens, cost_usd) values (:organization, 'openai', 'gpt-4o', 2006, 300, 0.005615);
begin;
${count(quotas, "- 0.014385")}
commit;
`;

/** One hold for a whole agent run of `calls` calls. */
const agentRun = (calls: number) => `
\\set organization 1
select public.reserve_usage(jsonb_build_object('organization_id', ${ORGANIZATION}, 'provider', 'openai',
  'model', 'gpt-4o', 'estimated_cost', ${calls} * 0.02, 'requests', ${calls})) ->> 'hold_id' as hold \\gset
${`select public.settle_usage(:hold::uuid, '{"input_tokens": 2006, "output_tokens": 300}', false);\n`.repeat(calls)}
select public.release_hold(:hold::uuid);
`;

interface Row {
  what: string;
  ours: PgbenchRun;
  plain?: PgbenchRun;
}

async function arrange(url: string): Promise<void> {
  await executeSql(
    url,
    `${PLAIN_DESIGN}
     insert into plain.quotas select o, s, 0, 1e12 from generate_series(1, ${ORGANIZATIONS}) as o, generate_series(1, 4) as s;
     insert into public.organizations (id, name)
     select lpad(to_hex(o), 32, '0')::uuid, 'Organization ' || o from generate_series(1, ${ORGANIZATIONS}) as o;
     insert into public.usage_quotas (organization_id, quota_type, quota_limit)
     select id, 'monthly', 1e9 from public.organizations;`,
  );
}

/** Three more quotas on every organization, which match calls of one user only. */
async function addQuotas(url: string): Promise<void> {
  await executeSql(
    url,
    `insert into public.usage_quotas (organization_id, user_id, quota_type, quota_limit, metric)
     select o.id, '00000000-0000-4000-8000-000000000009', 'monthly', 1e12, m
     from public.organizations as o, unnest(array['cost_usd', 'total_tokens', 'requests']) as m;`,
  );
}

function median(runs: PgbenchRun[]): PgbenchRun {
  const sorted = runs.toSorted((a, b) => a.per_second - b.per_second);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (!middle) throw new Error("No run to take the median of.");
  return middle;
}

/** Runs both designs in turn, so that a change of the machine's pace meets both. */
function compare(
  url: string,
  what: string,
  scripts: { ours: string; plain?: string },
  options: PgbenchOptions,
): Row {
  const runs: { ours: PgbenchRun[]; plain: PgbenchRun[] } = { ours: [], plain: [] };
  for (let round = 0; round < ROUNDS; round++) {
    if (scripts.plain) runs.plain.push(runPgbench(url, scripts.plain, options));
    runs.ours.push(runPgbench(url, scripts.ours, options));
  }
  const row = {
    what,
    ours: median(runs.ours),
    ...(scripts.plain && { plain: median(runs.plain) }),
  };
  console.log(line(row));
  return row;
}

const figures = ({ per_second, p50_ms, p99_ms }: PgbenchRun) =>
  `${per_second.toFixed(0)} | ${p50_ms.toFixed(1)} | ${p99_ms.toFixed(1)}`;

const line = ({ what, ours: mine, plain: theirs }: Row) =>
  `| ${what} | ${figures(mine)} | ${theirs ? figures(theirs) : " | | "} | ${
    theirs ? (mine.per_second / theirs.per_second).toFixed(2) : ""
  } |`;

/** Grants against floor(limit / amount): 32 clients ask for more than there is. */
async function countGrants(
  url: string,
  amount: number,
): Promise<{ granted: number; fits: number }> {
  const limit = 500;
  const sql = postgres(url, { max: 32, onnotice: () => undefined });
  try {
    const id = crypto.randomUUID();
    await sql`insert into public.organizations (id, name) values (${id}, 'grants')`;
    await sql`select public.set_quota(${id}, 'total', ${limit})`;
    const asked = Math.floor(limit / amount) + 100;
    const answers = await Promise.all(
      Array.from(
        { length: asked },
        () => sql<{ allowed: boolean }[]>`
          select (public.reserve_usage(${sql.json({
            organization_id: id,
            provider: "openai",
            model: "gpt-4o",
            estimated_cost: amount,
          })}) ->> 'allowed')::boolean as allowed`,
      ),
    );
    return {
      granted: answers.filter(([answer]) => answer?.allowed).length,
      fits: Math.floor(limit / amount),
    };
  } finally {
    await sql.end();
  }
}

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

await ensureDebianPackages();
const directory = mkdtempSync(join(tmpdir(), "tallybase-bench-"));
const server = await startPostgres({ dataDir: join(directory, "data") });
try {
  const { url } = server;
  await prepareServer({
    name: "bench",
    url,
    adminUrl: server.adminUrl,
    stop: async () => undefined,
  });
  await readSupabase(url, ["db", "push", "--yes"]);
  await arrange(url);
  const closed = { clients: 32, seconds: SECONDS };
  const rows: Row[] = [];
  const tidy = keepTidy(url);
  const one = { ours: ours(1, ""), plain: plain(1, 1) };
  rows.push(compare(url, "one organization, 32 clients", one, closed));
  const many = { ours: ours(ORGANIZATIONS, ""), plain: plain(ORGANIZATIONS, 1) };
  rows.push(compare(url, `${ORGANIZATIONS} organizations, 32 clients`, many, closed));
  for (const rate of [300, 1_000]) {
    const open = { clients: 10, seconds: SECONDS, rate };
    rows.push(compare(url, `one organization, ${rate} calls/s asked for`, one, open));
  }
  for (const calls of [10, 50]) {
    const row = compare(
      url,
      `agent runs of ${calls} calls (runs/s)`,
      { ours: agentRun(calls) },
      closed,
    );
    rows.push(row);
  }
  await addQuotas(url);
  const user = ", 'user_id', '00000000-0000-4000-8000-000000000009'";
  const four = { ours: ours(1, user), plain: plain(1, 4) };
  rows.push(compare(url, "one organization, 4 quotas match, 32 clients", four, closed));
  await tidy.stop();

  const grants = [];
  for (const amount of [1, 7, 0.3, 499]) {
    grants.push({ amount, ...(await countGrants(url, amount)) });
  }
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  const [checked] = await sql<{ violations: number; deadlocks: number }[]>`
    select (select count(*)::int from public.verify_ledger()) as violations,
      (select deadlocks::int from pg_stat_database where datname = current_database()) as deadlocks`;
  await sql.end();

  const head = "| | ours/s | p50 ms | p99 ms | plain/s | p50 ms | p99 ms | ratio |";
  const markdown = `# Admission and settlement

A call is one reserve_usage and one settle_usage over direct SQL, prepared statements, with the tidy-up
running each second. The plain design updates a counter, inserts the event, updates the counter, each in
a transaction of its own. Server and pgbench share ${availableParallelism()} cores of a shared machine: read the
ratios. Medians of ${ROUNDS} rounds of ${SECONDS} s, the first ${2} s of each not counted. Made by \`npm run bench:ledger\`.

${head}
|---|---|---|---|---|---|---|---|
${rows.map(line).join("\n")}

Grants at 32 connections: ${grants.map(({ amount, granted, fits }) => `${granted} of ${fits} at ${amount}`).join(", ")}.
Violations of verify_ledger() afterwards: ${checked?.violations}. Deadlocks: ${checked?.deadlocks}.
`;
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, "ledger.md"), markdown);
  writeFileSync(
    join(RESULTS, "ledger.json"),
    `${JSON.stringify({ rows, grants, checked }, null, 2)}\n`,
  );
  console.log(markdown);
} finally {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
}
