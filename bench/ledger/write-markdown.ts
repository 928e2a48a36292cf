import { type PgbenchRun, WARM_UP_S } from "../run-pgbench.ts";
import { EVENTS_BEFORE } from "./arrange.ts";
import type { countGrants } from "./count-grants.ts";
import type { SnapshotResult } from "./measure-snapshot.ts";

/** Everything that one run of the bench found. */
export interface LedgerResults {
  /** Question → the median run of ours and of the plain design. */
  rates: Record<string, { ours: PgbenchRun; plain?: PgbenchRun }>;
  /** Question → the median run of our rows alone and of the plain design. */
  rows: Record<string, Record<"bare" | "plain", PgbenchRun>>;
  costs: Record<"without" | "alerts" | "keys" | "fourQuotas" | "durable", PgbenchRun>;
  growth: {
    open_holds: number;
    recorded_events: number;
    runs: Record<"empty" | "holds" | "events", PgbenchRun>;
  };
  snapshot: SnapshotResult;
  grants: Awaited<ReturnType<typeof countGrants>>[];
  checked: { violations: number; deadlocks: number };
}

/** How it was measured. */
export interface Conditions {
  rounds: number;
  seconds: number;
  cores: number;
}

const figures = ({ per_second, p50_ms, p99_ms }: PgbenchRun) =>
  `${per_second.toFixed(0)} | ${p50_ms.toFixed(1)} | ${p99_ms.toFixed(1)}`;

const ratio = (a: PgbenchRun, b: PgbenchRun) => (a.per_second / b.per_second).toFixed(2);

function rateLine([what, { ours, plain }]: [string, { ours: PgbenchRun; plain?: PgbenchRun }]) {
  const theirs = plain ? `${figures(plain)} | ${ratio(ours, plain)}` : " | | | ";
  return `| ${what} | ${figures(ours)} | ${theirs} |`;
}

const besideLine = (what: string, run: PgbenchRun, base: PgbenchRun) =>
  `| ${what} | ${figures(run)} | ${ratio(run, base)} |`;

function describeAlert({ alert }: SnapshotResult): string {
  if (alert === null) return "`tally.health` did not name it.";
  return `\`tally.health\` named it, ${alert.age_s} s old: ${alert.subject.replace(/, process \d+$/, "")}.`;
}

/** The page of bench/results. */
export function writeMarkdown(results: LedgerResults, conditions: Conditions): string {
  const { rates, rows, costs, growth, snapshot, grants, checked } = results;
  const { rounds, seconds, cores } = conditions;
  return `# Admission and settlement

A call is one reserve_usage and one settle_usage over direct SQL, prepared statements, with the tidy-up
running each second. The plain design updates a counter, inserts the event, updates the counter, each in
a transaction of its own; its events are short rows with a random key and one more index, or, where said, those of a
usage table as one would first write it (sixteen columns, four indexes, two references). In two transactions: the
second one inserts the event and corrects the counter. Without a hold: the counter is updated by the final cost, as if
it were known before the call, and the event inserted; nothing is kept while the call runs. All hold ${EVENTS_BEFORE.toLocaleString("en")} events
of an earlier month. Server and pgbench share ${cores} cores of a shared machine: read the ratios.
Medians of ${rounds} round${rounds === 1 ? "" : "s"} of ${seconds} s each, after ${WARM_UP_S} s that are not counted. Made by \`npm run bench:ledger\`.

| | ours/s | p50 ms | p99 ms | plain/s | p50 ms | p99 ms | ratio |
|---|---|---|---|---|---|---|---|
${Object.entries(rates).map(rateLine).join("\n")}

Grants at 32 connections: ${grants.map(({ amount, granted, fits }) => `${granted} of ${fits} at ${amount}`).join(", ")}.
Violations of verify_ledger() afterwards: ${checked.violations}. Deadlocks: ${checked.deadlocks}.

## What our rows alone allow

The hold, its counter, the event, its delta and the hold's end, written by two statements that read no JSON and check,
price and look for nothing, into tables like ours; 32 clients. What a call takes beyond it is that.

| | rows alone/s | p50 ms | p99 ms | plain/s | p50 ms | p99 ms | ratio |
|---|---|---|---|---|---|---|---|
${Object.entries(rows)
  .map(([what, { bare, plain }]) => rateLine([what, { ours: bare, plain }]))
  .join("\n")}

## What one thing more costs

One organization, 32 clients; the ratio is to the first line.

| | calls/s | p50 ms | p99 ms | ratio |
|---|---|---|---|---|
${besideLine("one quota without thresholds", costs.without, costs.without)}
${besideLine("with alerts at 75, 90 and 100 %", costs.alerts, costs.without)}
${besideLine("and an idempotency key on request and event", costs.keys, costs.without)}
${besideLine("four quotas with alerts", costs.fourQuotas, costs.without)}
${besideLine("with alerts, admissions durable too", costs.durable, costs.without)}

## With much of it

One organization, 32 clients; the ratio is to the first line.

| | calls/s | p50 ms | p99 ms | ratio |
|---|---|---|---|---|
${besideLine("next to nothing held or recorded", growth.runs.empty, growth.runs.empty)}
${besideLine(`${growth.open_holds.toLocaleString("en")} holds open`, growth.runs.holds, growth.runs.empty)}
${besideLine(`${growth.recorded_events.toLocaleString("en")} events recorded`, growth.runs.events, growth.runs.empty)}

## While a snapshot is open

One organization, 8 clients, calls per second in each ${snapshot.window_s} s: ${snapshot.before.join(", ")} before; ${snapshot.open.join(", ")}
while one transaction keeps a snapshot open; ${snapshot.after.join(", ")} after. ${describeAlert(snapshot)}
`;
}
