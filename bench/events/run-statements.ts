import postgres, { type Sql } from "postgres";
import type { PgbenchRun } from "../run-pgbench.ts";

/** Seconds at the start that are not counted: functions are compiled, caches fill. */
const WARM_UP_S = 2;

/** Sends one statement, `n` counted over all clients. */
export type SendStatement = (sql: Sql, n: number) => Promise<unknown>;

/** Opens connections and sends statements over all of them, each as soon as its last was answered. */
export async function runStatements(
  url: string,
  send: SendStatement,
  { clients, seconds }: { clients: number; seconds: number },
): Promise<PgbenchRun> {
  const connections = Array.from({ length: clients }, () =>
    postgres(url, { max: 1, onnotice: () => undefined }),
  );
  try {
    await Promise.all(connections.map((sql) => sql`select`));
    const latencies: number[] = [];
    const by_second = new Array<number>(seconds).fill(0);
    const startsAt = performance.now() + WARM_UP_S * 1000;
    const endsAt = startsAt + seconds * 1000;
    let sent = 0;
    await Promise.all(
      connections.map(async (sql) => {
        for (;;) {
          const sentAt = performance.now();
          if (sentAt >= endsAt) return;
          await send(sql, sent++);
          const answeredAt = performance.now();
          if (answeredAt < startsAt || answeredAt >= endsAt) continue;
          latencies.push(answeredAt - sentAt);
          const second = Math.floor((answeredAt - startsAt) / 1000);
          by_second[second] = (by_second[second] ?? 0) + 1;
        }
      }),
    );
    latencies.sort((a, b) => a - b);
    return {
      per_second: latencies.length / seconds,
      p50_ms: latencies[Math.floor(latencies.length * 0.5)] ?? Number.NaN,
      p99_ms: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
      failed: 0,
      by_second,
    };
  } finally {
    await Promise.all(connections.map((sql) => sql.end()));
  }
}
