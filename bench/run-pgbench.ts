import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { POSTGRES_15 } from "../scripts/databases/ensure-debian-packages.ts";

/** What one run of pgbench came to. */
export interface PgbenchRun {
  per_second: number;
  p50_ms: number;
  p99_ms: number;
  failed: number;
  /** How many ended in each second that is counted. */
  by_second: number[];
}

export interface PgbenchOptions {
  clients: number;
  seconds: number;
  /** Transactions started per second, whether or not earlier ones have ended; absent: as fast as they go. */
  rate?: number;
}

/** Seconds at the start that are not counted: connections open, functions are compiled. */
export const WARM_UP_S = 4;
/** The same at a given rate: what came meanwhile has queued up and is worked off. */
const WARM_UP_AT_A_RATE_S = 8;

/** Not the synchronous one: the tidy-up of the measuring process runs meanwhile. */
const execute = promisify(execFile);

/** Runs a script of pgbench and reads the latency of every transaction from its log. */
export async function runPgbench(
  url: string,
  script: string,
  options: PgbenchOptions,
): Promise<PgbenchRun> {
  const directory = mkdtempSync(join(tmpdir(), "tallybase-bench-"));
  const warmUp = options.rate === undefined ? WARM_UP_S : WARM_UP_AT_A_RATE_S;
  try {
    const file = join(directory, "script.sql");
    writeFileSync(file, script);
    const startedAt = Date.now() / 1000;
    const { stdout } = await execute(`${POSTGRES_15}/bin/pgbench`, [
      ...["-n", "-M", "prepared", "-f", file, "-c", String(options.clients), "-j", "2"],
      ...["-T", String(options.seconds + warmUp), "-l", "--log-prefix", join(directory, "log")],
      ...(options.rate === undefined ? [] : ["-R", String(options.rate)]),
      url,
    ]);
    const calls = readdirSync(directory)
      .filter((name) => name.startsWith("log"))
      .flatMap((name) => readFileSync(join(directory, name), "utf8").trim().split("\n"))
      .map((line) => line.split(" ").map(Number))
      .map(([, , latencyUs = 0, , second = 0, us = 0]) => ({
        ms: latencyUs / 1000,
        at: second + us / 1e6 - startedAt - warmUp,
      }))
      .filter(({ at }) => at >= 0 && at < options.seconds);
    const latencies = calls.map(({ ms }) => ms).sort((a, b) => a - b);
    return {
      per_second: latencies.length / options.seconds,
      p50_ms: latencies[Math.floor(latencies.length * 0.5)] ?? Number.NaN,
      p99_ms: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
      failed: Number(/number of failed transactions: (\d+)/.exec(stdout)?.[1] ?? 0),
      by_second: Array.from(
        { length: options.seconds },
        (_, second) => calls.filter(({ at }) => Math.floor(at) === second).length,
      ),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
