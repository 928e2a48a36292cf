/**
 * What may go wrong with one request:
 * - `rate_limit`: 429, nothing done
 * - `error_before`, `error_after`: 500 before or after the work; kept under the idempotency key
 * - `timeout_before`, `timeout_after`: no answer ever, the work not done or done
 * - `reset_before`, `reset_after`: the connection is cut, the work not done or done
 * - `slow_body`: done; the answer's body stops half-way until the client gives up
 */
export type FaultKind =
  | "rate_limit"
  | "error_before"
  | "error_after"
  | "timeout_before"
  | "timeout_after"
  | "reset_before"
  | "reset_after"
  | "slow_body";

export const FAULT_KINDS: readonly FaultKind[] = [
  "rate_limit",
  "error_before",
  "error_after",
  "timeout_before",
  "timeout_after",
  "reset_before",
  "reset_after",
  "slow_body",
];

/** What a fault hook sees of a request. */
export interface SeenRequest {
  method: string;
  path: string;
}

/** Decides which requests go wrong. */
export class Faults {
  /** Asked for each request that no planned fault takes; for random schedules. */
  hook: ((request: SeenRequest) => FaultKind | undefined) | undefined;
  #planned: { kind: FaultKind; path: string }[] = [];

  /** The next so many requests whose path contains `path` go wrong in this way. */
  plan(kind: FaultKind, options: { path?: string; times?: number } = {}): void {
    const { path = "", times = 1 } = options;
    for (let time = 0; time < times; time++) this.#planned.push({ kind, path });
  }

  clear(): void {
    this.#planned = [];
    this.hook = undefined;
  }

  take(request: SeenRequest): FaultKind | undefined {
    const index = this.#planned.findIndex(({ path }) => request.path.includes(path));
    if (index >= 0) return this.#planned.splice(index, 1)[0]?.kind;
    return this.hook?.(request);
  }
}
