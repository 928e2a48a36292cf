/**
 * Measures how usage reaches Stripe: a million events of 500 customers over a day, by two meters, through
 * the meter events and through the stream of a fake Stripe. Writes bench/results/billing.md and .json.
 *
 *     npm run bench:billing            # about six minutes
 *     npm run bench:billing -- --quick # 20,000 events of 50 customers
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type FakeStripe, startFakeStripe } from "@tallybase/fake-stripe";
import postgres, { type Sql } from "postgres";
import { startPostgres } from "../../packages/cli/src/database/start-postgres.ts";
import { prepareServer } from "../../scripts/databases/prepare-server.ts";
import { readSupabase } from "../../scripts/run-supabase.ts";

const RESULTS = fileURLToPath(new URL("../results/", import.meta.url));
const REPORTER = fileURLToPath(new URL("report-all.ts", import.meta.url));
const isQuick = process.argv.includes("--quick");
const CUSTOMERS = isQuick ? 50 : 500;
const BATCHES = isQuick ? 1 : 4;
const BATCH = isQuick ? 400 : 500;
const EVENTS = CUSTOMERS * BATCHES * BATCH;
const METERS = { spend: "cost_usd", tokens: "total_tokens" };

/** What one sink came to. */
interface Run {
  sink: string;
  reports: number;
  calls: number;
  seconds: number;
  cpu_seconds: number;
  peak_mb: number;
  /** Customers, meters and hours in which the fake counted something else than the ledger says. */
  differences: number;
}

async function arrange(sql: Sql, fake: FakeStripe): Promise<number> {
  for (const [name, metric] of Object.entries(METERS)) {
    const response = await fetch(`${fake.url}/v1/billing/meters`, {
      method: "POST",
      headers: {
        authorization: "Bearer sk_test_bench",
        "content-type": "application/x-www-form-urlencoded",
      },
      body: new URLSearchParams({
        event_name: name,
        display_name: name,
        "default_aggregation[formula]": "sum",
      }),
    });
    const { id } = (await response.json()) as { id: string };
    await sql`select public.set_billing_meter(${name}, ${metric}, stripe_meter_id => ${id},
      starts_at => now() - interval '3 days')`;
  }
  await sql`
    insert into public.organizations (id, name)
    select lpad(to_hex(n), 32, '0')::uuid, 'Bench ' || n from generate_series(1, ${CUSTOMERS}::int) as n`;
  await sql`
    select public.set_billing_customer(o.id, 'cus_' || o.name, now() - interval '3 days', 1.2)
    from public.organizations as o`;
  for (let customer = 1; customer <= CUSTOMERS; customer++) {
    fake.account.usage.customers.add(`cus_Bench ${customer}`);
  }
  const startedAt = performance.now();
  for (let customer = 1; customer <= CUSTOMERS; customer++) {
    for (let batch = 0; batch < BATCHES; batch++) await record(sql, customer, batch);
    await sql`select tally.fold(lpad(to_hex(${customer}::int), 32, '0')::uuid)`;
  }
  return (performance.now() - startedAt) / 1000;
}

/** A batch of events spread over the 24 hours before the last closed one. */
async function record(sql: Sql, customer: number, batch: number): Promise<void> {
  await sql`
    select public.track_usage_batch(jsonb_agg(jsonb_build_object(
      'organization_id', lpad(to_hex(${customer}::int), 32, '0'), 'provider', 'openai',
      'model', case when n % 3 = 0 then 'gpt-4o' else 'gpt-4o-mini' end,
      'input_tokens', 100 + n, 'output_tokens', 20 + n % 50,
      'created_at', date_trunc('hour', now()) - (2 + n % 24) * interval '1 hour'
        + (n * 7 + ${batch}::int) * interval '1 second')))
    from generate_series(1, ${BATCH}::int) as n`;
}

/** Forgets what was reported: customers and meters have not met, so that all of it is due again. */
async function startOver(sql: Sql, fake: FakeStripe): Promise<void> {
  await sql`truncate public.billing_reports, tally.billing_accounts, tally.changed_hours`;
  fake.account.usage.forgetEvents();
}

type Measured = Pick<Run, "seconds" | "cpu_seconds" | "peak_mb"> & { count: { delivered: number } };

async function runReporter(environment: Record<string, string>): Promise<Measured> {
  const { stdout } = await promisify(execFile)(process.execPath, [REPORTER], {
    env: { ...process.env, ...environment },
  });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Measured;
}

async function measure(sql: Sql, fake: FakeStripe, url: string, sink: string): Promise<Run> {
  await startOver(sql, fake);
  const before = fake.requests().length;
  const { count, ...measured } = await runReporter({
    DATABASE_URL: url,
    STRIPE_URL: fake.url,
    SINK: sink,
  });
  return {
    sink,
    reports: count.delivered,
    calls: fake.requests().length - before,
    ...measured,
    differences: await countDifferences(sql, fake),
  };
}

/** Straight from the events: what each customer, meter and hour should be. */
async function countDifferences(sql: Sql, fake: FakeStripe): Promise<number> {
  const [broken] = await sql`select count(*)::int as count from public.verify_billing()`;
  const rows = await sql<{ customer: string; hour: string; spend: string; tokens: string }[]>`
    select 'cus_' || o.name as customer, to_json(date_trunc('hour', e.created_at))#>>'{}' as hour,
      sum(e.cost_usd) * 1200000 as spend, sum(e.total_tokens) as tokens
    from public.token_usage as e join public.organizations as o on o.id = e.organization_id
    group by o.name, date_trunc('hour', e.created_at)`;
  const wrong = rows.filter(({ customer, hour, spend, tokens }) => {
    const start = Date.parse(hour);
    const isTokensRight = fake.total("tokens", customer, start) === Number(tokens);
    // An hour has less than one unit more or less: what the hours before left over.
    return !isTokensRight || Math.abs(fake.total("spend", customer, start) - Number(spend)) >= 1;
  });
  return wrong.length + Number(broken?.count);
}

/** What one call of the function may send; the hours were taken over by a run before. */
async function measureOne(sql: Sql, fake: FakeStripe, url: string): Promise<Measured> {
  await startOver(sql, fake);
  const environment = { DATABASE_URL: url, STRIPE_URL: fake.url };
  await runReporter({ ...environment, MAX_REPORTS: "0" });
  return await runReporter({ ...environment, MAX_REPORTS: "400" });
}

function writeMarkdown(runs: Run[], one: Measured, loadSeconds: number): string {
  const cell = (value: number, digits = 0) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const rows = runs.map(
    (run) =>
      `| ${run.sink} | ${cell(run.reports)} | ${cell(run.calls)} | ${cell(run.seconds, 1)} | ${cell(run.reports / run.seconds)} | ${cell(run.cpu_seconds, 1)} | ${cell(run.peak_mb)} | ${run.differences} |`,
  );
  return [
    "# Reporting to Stripe",
    "",
    `${cell(EVENTS)} events of ${cell(CUSTOMERS)} customers over 24 hours, billed by ${Object.keys(METERS).length} meters, from the closed hours to the`,
    `last answer of a fake Stripe on the same machine (${availableParallelism()} shared cores, which Postgres and the fake share too).`,
    `Recording and folding them took ${cell(loadSeconds)} s before. Made by \`npm run bench:billing\`.`,
    "",
    "| sink | reports | calls | seconds | reports/s | CPU s | peak MB | differences |",
    "|---|---|---|---|---|---|---|---|",
    ...rows,
    "",
    "Requests keep to 1,000 a second, as Stripe wants it. Calls are those that were answered, one reading of",
    "the clock and the opening of a session among them.",
    "CPU and memory are those of the process that reports. Differences: customers, meters and hours in",
    "which the fake counted something else than the events come to.",
    "",
    `One run of the function's size sent ${cell(one.count.delivered)} reports in ${cell(one.seconds, 1)} s with ${cell(one.cpu_seconds, 1)} s of CPU, starting the process`,
    `among it, and ${cell(one.peak_mb)} MB; a hosted function has 2 s and 256 MB.`,
    "",
  ].join("\n");
}

const directory = mkdtempSync(join(tmpdir(), "tallybase-bench-"));
const server = await startPostgres({ dataDir: join(directory, "data") });
const fake = await startFakeStripe();
try {
  const { url, adminUrl } = server;
  await prepareServer({ name: "bench", url, adminUrl, stop: async () => undefined });
  await readSupabase(url, ["db", "push", "--yes"]);
  const sql = postgres(url, { max: 2, onnotice: () => undefined });
  const loadSeconds = await arrange(sql, fake);
  const runs = [];
  for (const sink of ["stripe", "stripe-stream"]) runs.push(await measure(sql, fake, url, sink));
  const one = await measureOne(sql, fake, url);
  await sql.end();
  const markdown = writeMarkdown(runs, one, loadSeconds);
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, "billing.md"), markdown);
  const conditions = { events: EVENTS, customers: CUSTOMERS, cores: availableParallelism() };
  writeFileSync(
    join(RESULTS, "billing.json"),
    `${JSON.stringify({ conditions, loadSeconds, runs, one }, null, 2)}\n`,
  );
  console.log(markdown);
} finally {
  await fake.close();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
}
