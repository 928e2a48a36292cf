import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { POSTGRES_15 } from "../../scripts/databases/ensure-debian-packages.ts";

/** What one run of pgbench came to. */
export interface PgbenchRun {
  per_second: number;
  p50_ms: number;
  p99_ms: number;
  failed: number;
}

export interface PgbenchOptions {
  clients: number;
  seconds: number;
  /** Transactions started per second, whether or not earlier ones have ended; absent: as fast as they go. */
  rate?: number;
}

/** Seconds at the start that are not counted: connections open, functions are compiled. */
const WARM_UP_S = 2;

/** Runs a script of pgbench and reads the latency of every transaction from its log. */
export function runPgbench(url: string, script: string, options: PgbenchOptions): PgbenchRun {
  const directory = mkdtempSync(join(tmpdir(), "tallybase-bench-"));
  try {
    const file = join(directory, "script.sql");
    writeFileSync(file, script);
    const startedAt = Date.now() / 1000;
    const output = execFileSync(
      `${POSTGRES_15}/bin/pgbench`,
      [
        ...["-n", "-M", "prepared", "-f", file, "-c", String(options.clients), "-j", "2"],
        ...[
          "-T",
          String(options.seconds + WARM_UP_S),
          "-l",
          "--log-prefix",
          join(directory, "log"),
        ],
        ...(options.rate === undefined ? [] : ["-R", String(options.rate)]),
        url,
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] },
    );
    const latencies = readdirSync(directory)
      .filter((name) => name.startsWith("log"))
      .flatMap((name) => readFileSync(join(directory, name), "utf8").trim().split("\n"))
      .map((line) => line.split(" ").map(Number))
      .filter(([, , , , second = 0]) => second >= startedAt + WARM_UP_S)
      .map(([, , latencyUs = 0]) => latencyUs / 1000)
      .sort((a, b) => a - b);
    return {
      per_second: latencies.length / options.seconds,
      p50_ms: latencies[Math.floor(latencies.length * 0.5)] ?? Number.NaN,
      p99_ms: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
      failed: Number(/number of failed transactions: (\d+)/.exec(output)?.[1] ?? 0),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
