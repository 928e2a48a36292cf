import { parseArgs } from "node:util";
import { CliError } from "../cli-error.ts";
import { callDatabase, callFunction, listBilled } from "./call-project.ts";
import { findProjectAccess, findStripeAccess } from "./find-project-access.ts";
import { openStripe } from "./open-stripe.ts";
import { METRICS, setUpStripe, type WantedMeter } from "./set-up-stripe.ts";
import { showTable } from "./show-table.ts";

const HELP = `Usage: tallybase stripe <command> [options]

  setup       Make the meters and prices in Stripe, and tell the database of them
  report      Report what is due now, as the scheduler does every minute
  reconcile   Compare what was delivered with Stripe's own sums, hour by hour
  drift       Show the hours that differed at the last comparison

For setup:
  --metric <name[=cents]>  What is billed, and the cents that one unit costs; may be given again.
                           Default: cost_usd=0.0001, which counts micro-USD and bills them as they are
  --currency <code>        Default: usd
  --dry-run                Look, change nothing
  --live                   Allow a key of live mode
For reconcile and drift:
  --organization <id>      reconcile: all of them by default
  --from, --to <time>      Whole hours, ISO 8601. Default: the last seven days
  --repair                 Send the differences
For all:
  --json                   For programs

Works on the project of SUPABASE_URL and SUPABASE_SECRET_KEY, or on the running local stack. setup
uses STRIPE_SECRET_KEY, or the fake Stripe of the local stack.`;

const OPTIONS = {
  metric: { type: "string", multiple: true },
  currency: { type: "string", default: "usd" },
  "dry-run": { type: "boolean", default: false },
  live: { type: "boolean", default: false },
  organization: { type: "string" },
  from: { type: "string" },
  to: { type: "string" },
  repair: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  "state-dir": { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

type Values = ReturnType<typeof readArguments>["values"];

function readArguments(args: string[]) {
  return parseArgs({ args, options: OPTIONS, allowPositionals: true });
}

const COMMANDS: Record<string, (values: Values) => Promise<number>> = {
  setup,
  report,
  reconcile,
  drift,
};

/** `tallybase stripe` */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args);
  const command = COMMANDS[positionals[0] ?? ""];
  if (values.help || !command || positionals.length > 1) {
    process.stdout.write(`${HELP}\n`);
    return values.help ? 0 : 2;
  }
  return await command(values);
}

async function setup(values: Values): Promise<number> {
  const project = findProjectAccess(values["state-dir"]);
  const stripe = openStripe(findStripeAccess(project, values.live));
  const isDryRun = values["dry-run"];
  const metrics = (values.metric ?? ["cost_usd=0.0001"]).map(readMetric);
  const meters = await setUpStripe(stripe, { metrics, currency: values.currency, isDryRun });
  for (const { eventName, metric, displayName, meterId } of isDryRun ? [] : meters) {
    await callDatabase(project, "set_billing_meter", {
      event_name: eventName,
      metric,
      display_name: displayName,
      stripe_meter_id: meterId,
    });
  }
  print(
    values,
    meters,
    meters.map(({ eventName, meter, meterId, price, priceId }) => ({
      event_name: eventName,
      meter: [meter, meterId].filter(Boolean).join(" "),
      price: [price, priceId].filter(Boolean).join(" "),
    })),
  );
  return 0;
}

function readMetric(text: string): WantedMeter {
  const [name, cents = null] = text.split("=");
  const metric = METRICS.find((candidate) => candidate === name);
  if (!metric || (cents !== null && !/^\d+(\.\d{1,12})?$/.test(cents))) {
    throw new CliError(
      `--metric ${text} is not a metric with its price.`,
      `It looks like total_tokens=0.0002: one of ${METRICS.join(", ")}, and cents with at most 12 decimals.`,
    );
  }
  return { metric, centsPerUnit: cents };
}

async function report(values: Values): Promise<number> {
  const project = findProjectAccess(values["state-dir"]);
  const count = await callFunction<Record<string, number>>(project, "stripe-report");
  print(values, count, [count]);
  return count.refused ? 1 : 0;
}

interface Reconciliation extends Record<string, string | number> {
  drifted_hours: number;
  drift: number;
  repaired: number;
  /** Empty: it was compared. */
  error: string;
}

async function reconcile(values: Values): Promise<number> {
  const project = findProjectAccess(values["state-dir"]);
  const { from, to } = readSpan(values);
  const reconciliations: Reconciliation[] = [];
  // One by one: a function has little time.
  for (const organization of values.organization
    ? [values.organization]
    : await listBilled(project)) {
    const { repair } = values;
    const reconcile = { organization_id: organization, starts_at: from, ends_at: to, repair };
    const answer = await callFunction<{ reconciliations: Reconciliation[] }>(
      project,
      "stripe-report",
      { reconcile },
    );
    reconciliations.push(
      ...answer.reconciliations.map((run) => ({ ...run, error: run.error ?? "" })),
    );
  }
  const shown = [
    "organization_id",
    "event_name",
    "stripe_customer_id",
    "hours",
    "drifted_hours",
    "drift",
    "repaired",
    "error",
  ];
  print(
    values,
    reconciliations,
    reconciliations.map((run) => Object.fromEntries(shown.map((name) => [name, run[name] ?? ""]))),
  );
  return reconciliations.some(({ drift, repaired, error }) => drift !== repaired || error) ? 1 : 0;
}

async function drift(values: Values): Promise<number> {
  const project = findProjectAccess(values["state-dir"]);
  if (!values.organization) {
    throw new CliError("Name the organization.", "--organization <id>");
  }
  const { from, to } = readSpan(values);
  const rows = await callDatabase<Record<string, string | number>[]>(project, "stripe_drift", {
    organization_id: values.organization,
    starts_at: from,
    ends_at: to,
  });
  print(values, rows, rows);
  return rows.length > 0 ? 1 : 0;
}

const HOUR_MS = 3_600_000;

/** Whole hours: the last seven days when nothing is said, the running hour not included. */
function readSpan(values: Values): { from: string; to: string } {
  const to = readHour("--to", values.to, Date.now());
  const from = readHour("--from", values.from, to - 7 * 24 * HOUR_MS);
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}

function readHour(flag: string, text: string | undefined, otherwise: number): number {
  const time = text === undefined ? otherwise : Date.parse(text);
  if (Number.isNaN(time)) {
    throw new CliError(`${flag} ${text} is not a time.`, "It looks like 2026-11-01T00:00:00Z.");
  }
  return Math.floor(time / HOUR_MS) * HOUR_MS;
}

function print(
  { json }: Values,
  data: unknown,
  rows: Record<string, string | number | null>[],
): void {
  process.stdout.write(json ? `${JSON.stringify(data, null, 2)}\n` : showTable(rows));
}
