import type { PgbenchRun } from "../run-pgbench.ts";
import { type Recording, ROWS_BEFORE } from "./measure-recording.ts";
import type { ReportTimes } from "./measure-reports.ts";

export interface EventsResults {
  conditions: { seconds: number; cores: number };
  /** The days, such as `2026-01-31`. */
  measured_on: Record<"recording" | "single" | "reports" | "freshness", string>;
  recording: Record<string, Recording>;
  single: Record<string, PgbenchRun>;
  /** Events in the table → what folding and reporting took. */
  reports: {
    events: number;
    fold_us_per_event: number;
    rollup_rows: number;
    half: Record<string, ReportTimes>;
    hundredth: Record<string, ReportTimes>;
  }[];
  /** What verify_rollup() found in all of the largest history, and in what time; absent: not measured yet. */
  verified?: { events: number; differences: number; seconds: number };
  freshness: { pending: number; half: Record<string, ReportTimes> };
}

const HEAP = "COPY, bare heap";
const INDEXED = "COPY, indexed table";

function recordingLine(name: string, one: Recording, all: Record<string, Recording>): string {
  const against = (base: string) =>
    ["1 client", "8 clients"]
      .map((clients) => all[`${base}, ${clients}`]?.rows_per_second ?? Number.NaN)
      .map((rate) => (one.rows_per_second / rate).toFixed(2))
      .join(" / ");
  const rest = [
    one.p50_ms?.toFixed(1),
    one.p99_ms?.toFixed(1),
    one.wal_bytes_per_row?.toFixed(0),
    one.disk_bytes_per_row?.toFixed(0),
  ];
  return `| ${name} | ${one.rows_per_second.toFixed(0)} | ${against(HEAP)} | ${against(INDEXED)} | ${rest.map((value) => value ?? "").join(" | ")} |`;
}

const millions = (events: number) => `${(events / 1e6).toLocaleString("en-US")} M`;

/** The table of the ways of recording, with what it says. */
function writeRecording(recording: Record<string, Recording>, day: string): string {
  return `## Recording

Measured on ${day}.

| way | rows/s | × bare heap (1 / 8 clients) | × indexed table (1 / 8 clients) | p50 ms | p99 ms | WAL B/row | disk B/row |
|---|---|---|---|---|---|---|---|
${Object.entries(recording)
  .map(([name, one]) => recordingLine(name, one, recording))
  .join("\n")}

All ways arrive alike: a client on the same machine sends them over TCP with one driver, COPY as CSV from its standard
input (10,000 rows each), batches as one JSON text each. The bare heap and the indexed table (random key, four indexes,
two references) have the columns of a plain usage table, and every row of every way carries the same hundred bytes of
metadata. Every table holds ${ROWS_BEFORE.toLocaleString("en-US")} rows of 35 days before. Unchecked is what no way of sending JSON can do without:
reading it, and writing rows of the columns and the key of \`token_usage\`, neither priced nor counted anywhere. WAL and
disk include what is pending for the fold. p50 and p99 are of one statement, whatever its rows.
\`tallybase import\` is measured from the start of reading a file with the columns of an event to its last answer.`;
}

export function writeMarkdown(results: EventsResults): string {
  const { recording, single, reports, verified, freshness, conditions, measured_on } = results;
  const names = Object.keys(reports[0]?.half ?? {});
  return `# Recording and reporting

\`npm run bench:events\`: one server, ${conditions.cores} cores that the clients share, ${conditions.seconds} s a run after 2 s of warm-up. Read ratios,
not absolutes. Batches are JSON as a client sends it: every event is checked, priced, deduplicated, and counted in
quotas and rollups (one quota per organization).

${writeRecording(recording, measured_on.recording)}

## One event a call

Measured on ${measured_on.single}.

| | calls/s | p50 ms | p99 ms |
|---|---|---|---|
${Object.entries(single)
  .map(
    ([name, run]) =>
      `| ${name} | ${run.per_second.toFixed(0)} | ${run.p50_ms.toFixed(1)} | ${run.p99_ms.toFixed(1)} |`,
  )
  .join("\n")}

## Reports of 31 days, ms

Measured on ${measured_on.reports}, for an organization with half of all events and for one with 1 %, as a signed-in admin;
in brackets as the owner, without row level security.

| report | ${reports.map((r) => `${millions(r.events)}: half | 1 %`).join(" | ")} |
|---|${reports.map(() => "---|---|").join("")}
${names
  .map(
    (name) =>
      `| ${name} | ${reports
        .map((r) => `${cell(r.half[name])} | ${cell(r.hundredth[name])}`)
        .join(" | ")} |`,
  )
  .join("\n")}

${reports
  .filter((r) => r.events < 1e8)
  .map(
    (r) =>
      `Folding the history of ${millions(r.events)} events took ${r.fold_us_per_event.toFixed(0)} µs an event; it has ${r.rollup_rows.toLocaleString("en-US")} rollup rows.`,
  )
  .join("\n")}
${
  reports.some((r) => r.events >= 1e8)
    ? "100 M are rollups only: those that so many events would leave, every bucket of the two organizations filled.\n"
    : ""
}${
  verified
    ? `\`verify_rollup()\` over all ${millions(verified.events)} events took ${verified.seconds.toFixed(0)} s and found ${verified.differences} differences.\n`
    : ""
}
## Nothing folded for a while

Measured on ${measured_on.freshness}. With ${freshness.pending.toLocaleString("en-US")} events of the busiest organization pending
(ten minutes at 100 a second), all of them in every answer:

| report | ms |
|---|---|
${Object.entries(freshness.half)
  .map(([name, times]) => `| ${name} | ${cell(times)} |`)
  .join("\n")}
`;
}

const cell = (times?: ReportTimes) =>
  times ? `${times.member_ms.toFixed(1)} (${times.owner_ms.toFixed(1)})` : "";
