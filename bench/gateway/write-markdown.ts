import type { MemoryRun } from "./measure-memory.ts";
import type { Parts } from "./measure-parts.ts";
import type { LoadRun } from "./send-load.ts";

/** One load through all three: straight to the provider, through Portkey, through ours. */
export interface Comparison {
  stream: boolean;
  connections: number;
  direct: LoadRun;
  portkey: LoadRun;
  ours: LoadRun;
}

export interface GatewayResults {
  comparisons: Comparison[];
  parts: Parts;
  memory: MemoryRun[];
}

export interface Conditions {
  rounds: number;
  seconds: number;
  cores: number;
}

const added = (run: LoadRun, direct: LoadRun) =>
  [run.p50_ms - direct.p50_ms, run.p95_ms - direct.p95_ms, run.p99_ms - direct.p99_ms]
    .map((ms) => ms.toFixed(1))
    .join(" / ");

function comparisonLine({ stream, connections, direct, portkey, ours }: Comparison): string {
  return `| ${stream ? "streamed" : "whole"}, ${connections} | ${[
    direct.per_second.toFixed(0),
    portkey.per_second.toFixed(0),
    ours.per_second.toFixed(0),
    (ours.per_second / portkey.per_second).toFixed(2),
    added(portkey, direct),
    added(ours, direct),
    `${direct.failed} / ${portkey.failed} / ${ours.failed}`,
  ].join(" | ")} |`;
}

/** The results as a page for people. */
export function writeMarkdown(
  { comparisons, parts, memory }: GatewayResults,
  { rounds, seconds, cores }: Conditions,
): string {
  const [one] = comparisons;
  const rest =
    one === undefined
      ? Number.NaN
      : one.ours.p50_ms - one.direct.p50_ms - parts.admit_ms - parts.settle_ms - parts.count_ms;
  return `# The gateway beside Portkey's

\`npm run bench:gateway\`. One run, ${cores} cores for all of it: load, provider, both gateways, Postgres.
Medians of ${rounds} round(s) of ${seconds} s, the systems in turn. Portkey's gateway
(@portkey-ai/gateway 1.15.2) passes through; ours also checks the key in the database, counts the
prompt, admits the call on a quota and records its event, durably, before the caller sees the end.
Portkey's @hono/node-server is held at 1.13.8: with newer ones in its range, its streams fail.

| calls, connections | direct, calls/s | Portkey, calls/s | ours, calls/s | ours / Portkey | Portkey adds, ms p50 / p95 / p99 | ours adds, ms p50 / p95 / p99 | failed (direct / Portkey / ours) |
|---|---|---|---|---|---|---|---|
${comparisons.map(comparisonLine).join("\n")}

## Where our time goes

One connection, medians, each by itself: admitting ${parts.admit_ms.toFixed(2)} ms, settling
${parts.settle_ms.toFixed(2)} ms, counting ${parts.count_ms.toFixed(2)} ms; the rest of what a whole call
takes longer than a direct one, ${rest.toFixed(2)} ms, is HTTP in and out.

## Memory

One stream at a time through a process of its own whose heap may have 128 MB.

| stream | MB passed | s | MB before | MB at most |
|---|---|---|---|---|
${memory
  .map(
    (run) =>
      `| ${run.what} | ${run.megabytes.toFixed(0)} | ${run.seconds.toFixed(1)} | ${run.before_mb.toFixed(0)} | ${run.most_mb.toFixed(0)} |`,
  )
  .join("\n")}
`;
}
