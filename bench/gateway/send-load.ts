import { Agent, request } from "node:http";

/** Where load goes. */
export interface Target {
  name: string;
  url: string;
  headers: Record<string, string>;
}

/** What one run came to; latencies to the last byte, in ms. */
export interface LoadRun {
  per_second: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
  failed: number;
}

export interface LoadOptions {
  connections: number;
  seconds: number;
  stream: boolean;
}

/** Time at the start that is not counted: connections open, code is compiled. */
const WARM_UP_MS = 1_500;

/** Sends calls over so many connections, each as soon as the last one is answered. */
export async function sendLoad(target: Target, options: LoadOptions): Promise<LoadRun> {
  const { connections, seconds, stream } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const body = JSON.stringify({
    model: "gpt-4o-mini",
    messages: [{ role: "user", content: "Say twenty words about meters, please." }],
    max_completion_tokens: 100,
    ...(stream && { stream }),
  });
  const call = () => sendCall(target, body, agent);
  const inParallel = (work: () => Promise<void>) =>
    Promise.all(Array.from({ length: connections }, work));
  const warmUntil = performance.now() + WARM_UP_MS;
  await inParallel(async () => {
    while (performance.now() < warmUntil) await call();
  });
  const latencies: number[] = [];
  let failed = 0;
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1_000;
  await inParallel(async () => {
    for (let now = performance.now(); now < endsAt; ) {
      const isGood = await call();
      const then = performance.now();
      if (isGood) latencies.push(then - now);
      else failed++;
      now = then;
    }
  });
  const elapsed = (performance.now() - startedAt) / 1_000;
  agent.destroy();
  latencies.sort((a, b) => a - b);
  const percentile = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN;
  return {
    per_second: latencies.length / elapsed,
    p50_ms: percentile(0.5),
    p95_ms: percentile(0.95),
    p99_ms: percentile(0.99),
    failed,
  };
}

/** One call, read to its end; whether it was answered. */
export function sendCall(
  target: Target,
  body: string,
  agent: Agent,
  onData?: (bytes: number) => void,
): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      ...target.headers,
    };
    const sent = request(target.url, { method: "POST", agent, headers }, (response) => {
      response.on("data", (piece: Buffer) => onData?.(piece.length));
      response.on("end", () => resolve(response.statusCode === 200));
      response.on("error", () => resolve(false));
    });
    sent.on("error", () => resolve(false));
    sent.end(body);
  });
}
