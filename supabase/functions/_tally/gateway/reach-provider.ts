import type { RequestContext } from "../handle-request.ts";
import type { RunningCall } from "./settle-call.ts";
import { sendUpstream, type UpstreamResult } from "./send-upstream.ts";

/** What is tried when a provider fails. */
export interface Detours {
  /** How often a request is sent again. */
  retries: number;
  /** Admits the call for another model; null when there is none, or it is not admitted. */
  fallBack: ((attempts: number) => Promise<RunningCall | null>) | null;
}

const FIRST_PAUSE_MS = 250;
/** A provider that asks for more patience than this is not waited for. */
const LONGEST_PAUSE_MS = 5_000;

/**
 * Sends a call until it is answered, as often as the policy allows. Only failures that cost nothing
 * are tried again: 429, 5xx, no connection. A provider that was silent has read the prompt.
 */
export async function reachProvider(
  running: RunningCall,
  { retries, fallBack }: Detours,
  { deps, request }: RequestContext,
): Promise<{ running: RunningCall; result: UpstreamResult }> {
  const options = {
    fetch: deps.fetch,
    clientGone: request.signal,
    timeoutMs: deps.env.upstreamTimeoutMs,
  };
  let current = running;
  let canFallBack = fallBack !== null;
  let left = retries;
  for (let attempt = 1;; attempt++) {
    const result = await sendUpstream(current.upstream, options);
    if (!mayGoBetter(result) || request.signal.aborted) {
      return { running: current, result };
    }
    const pause = pauseBefore(attempt, result);
    if (left > 0 && pause <= LONGEST_PAUSE_MS) {
      left--;
      current.call.detour = { ...current.call.detour, attempts: attempt + 1 };
      discard(result);
      await wait(pause, request.signal);
      continue;
    }
    if (!canFallBack || fallBack === null) return { running: current, result };
    canFallBack = false;
    const next = await fallBack(attempt + 1);
    if (next === null) return { running: current, result };
    discard(result);
    current = next;
    left = retries;
  }
}

function mayGoBetter(result: UpstreamResult): boolean {
  if (result.kind !== "answer") return result.kind === "unreachable";
  const { status } = result.response;
  return status === 429 || status >= 500;
}

/** What the provider asks for, or twice as long each time. */
function pauseBefore(attempt: number, result: UpstreamResult): number {
  const asked = result.kind === "answer" ? result.response.headers.get("retry-after") : null;
  const seconds = asked === null ? Number.NaN : Number(asked);
  if (seconds >= 0) return seconds * 1_000;
  return FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random());
}

function discard(result: UpstreamResult): void {
  if (result.kind !== "answer") return;
  result.response.body?.cancel().catch(() => {});
  result.abort();
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
