import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import { sendCall, type Target } from "./send-load.ts";

/** What passing one long stream through took. */
export interface MemoryRun {
  what: string;
  megabytes: number;
  seconds: number;
  /** Memory of the gateway's process before the stream, and the most of it while it passed, in MB. */
  before_mb: number;
  most_mb: number;
}

/** Passes one long stream through and watches the memory of the process that does it. */
export async function measureMemory(
  target: Target,
  pid: number,
  what: string,
  frames: number,
  bytes: number,
): Promise<MemoryRun> {
  const agent = new Agent({ maxSockets: 1 });
  const body = JSON.stringify({
    model: "gpt-4o-mini",
    user: `long-${frames}-${bytes}`,
    messages: [{ role: "user", content: "Talk for long." }],
    max_completion_tokens: 16_000,
    stream: true,
  });
  const before = residentMegabytes(pid);
  let most = before;
  let received = 0;
  let next = 0;
  const startedAt = performance.now();
  const isGood = await sendCall(target, body, agent, (length) => {
    received += length;
    if (received < next) return;
    next = received + 1_000_000;
    most = Math.max(most, residentMegabytes(pid));
  });
  agent.destroy();
  if (!isGood) throw new Error(`The stream "${what}" was not answered.`);
  return {
    what,
    megabytes: received / 1e6,
    seconds: (performance.now() - startedAt) / 1_000,
    before_mb: before,
    most_mb: most,
  };
}

function residentMegabytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1_000;
}
