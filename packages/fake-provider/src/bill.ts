import { EventEmitter } from "node:events";

/** Disjoint quantities of one answered request: every token is in exactly one of them. */
export interface BilledClasses {
  input: number;
  cache_read: number;
  cache_write: number;
  cache_write_1h: number;
  input_audio: number;
  output: number;
  reasoning: number;
  output_audio: number;
  input_image: number;
  output_image: number;
  /** Calls of the provider's own search tool; not tokens. */
  web_search: number;
  /** Pieces, seconds and characters, for what is not billed by tokens. */
  image: number;
  second: number;
  character: number;
}

/** One line of the fake provider's own bill. */
export interface BilledRequest {
  id: number;
  provider: "openai" | "anthropic" | "google" | "xai";
  method: string;
  path: string;
  /** The model of the answer, or the one asked for while there is no answer. */
  model: string | null;
  stream: boolean;
  /** The HTTP status sent. */
  status: number;
  /** `complete`: answered in full. `aborted`: the client left. `broken`: cut off on purpose. */
  outcome: "open" | "complete" | "aborted" | "broken" | "error";
  /** What this request costs its sender; null for an error. An aborted stream: what was sent. */
  classes: BilledClasses | null;
  /** The parsed request body. */
  body: unknown;
  /** Request headers, without the values of the key headers. */
  headers: Record<string, string>;
}

/** Which lines of the bill, and what to wait for. */
export interface BillQuery {
  /** Only requests whose body contains this text. */
  contains?: string | undefined;
  /** Wait until so many of them have been received. */
  received?: number;
  /** Wait until so many of them have ended. */
  ended?: number;
  /** Wait no longer than this (default 10,000). */
  timeoutMs?: number;
}

const KEY_HEADERS = new Set(["authorization", "x-api-key", "x-goog-api-key", "cookie"]);

/** Request headers as kept on the bill: the keys are named, never stored. */
export function headersWithoutKeys(
  headers: Record<string, string | string[] | undefined>,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    kept[name] = KEY_HEADERS.has(name) ? "(present)" : String(value);
  }
  return kept;
}

/** The list of requests that were received, and a way to wait for the next change of it. */
export class Bill {
  readonly #lines: BilledRequest[] = [];
  /** The bodies as text: many tests look for theirs in a long bill. */
  readonly #texts = new WeakMap<BilledRequest, string>();
  readonly #changes = new EventEmitter().setMaxListeners(0);
  #nextId = 1;

  open(line: Omit<BilledRequest, "id" | "status" | "outcome" | "classes">): BilledRequest {
    const opened: BilledRequest = {
      ...line,
      id: this.#nextId++,
      status: 0,
      outcome: "open",
      classes: null,
    };
    this.#lines.push(opened);
    this.#texts.set(opened, JSON.stringify(line.body ?? null));
    this.#changes.emit("change");
    return opened;
  }

  /** Ends a line once; a later call (the socket closing after the answer) changes nothing. */
  close(
    line: BilledRequest,
    outcome: Exclude<BilledRequest["outcome"], "open">,
    classes: BilledClasses | null,
  ): void {
    if (line.outcome !== "open") return;
    line.outcome = outcome;
    line.classes = classes;
    this.#changes.emit("change");
  }

  /** The lines whose request body contains `contains`; all of them when it is absent. */
  lines(contains?: string): BilledRequest[] {
    if (contains === undefined) return [...this.#lines];
    return this.#lines.filter((line) => this.#texts.get(line)?.includes(contains));
  }

  /**
   * Resolves with the matching lines as soon as so many of them were received and so many have
   * ended, or after `timeoutMs`.
   */
  async when({
    received = 0,
    ended = 0,
    contains,
    timeoutMs = 10_000,
  }: BillQuery): Promise<BilledRequest[]> {
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const lines = this.lines(contains);
      const over = lines.filter((line) => line.outcome !== "open").length;
      if ((lines.length >= received && over >= ended) || deadline.aborted) return lines;
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#changes.off("change", done);
          deadline.removeEventListener("abort", done);
          resolve();
        };
        this.#changes.once("change", done);
        deadline.addEventListener("abort", done, { once: true });
      });
    }
  }

  reset(): void {
    this.#lines.length = 0;
    this.#changes.emit("change");
  }
}
