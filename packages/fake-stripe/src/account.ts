import { randomBytes } from "node:crypto";
import { Faults } from "./faults.ts";
import { IdempotencyKeys } from "./idempotency.ts";
import { Traffic } from "./traffic.ts";
import { type MeterEvent, type Refusal, Usage } from "./usage.ts";
import { WebhookSender } from "./webhooks.ts";

/** Stored objects that are only kept and listed, as the API answers them. */
export type StoredObject = { id: string; object: string; created: number } & Record<
  string,
  unknown
>;

/** One line of the log of requests. */
export interface LoggedRequest {
  method: string;
  path: string;
  status: number;
}

/** Everything that one fake account holds. */
export class Account {
  readonly now: () => number;
  /** How long after an event was received summaries know of it, in ms. */
  lagMs: number;
  /** How long the work on a meter event takes, in ms. */
  workMs = 0;
  readonly faults = new Faults();
  readonly usage: Usage;
  readonly keys: IdempotencyKeys;
  readonly webhooks: WebhookSender;
  readonly objects = new Map<string, StoredObject>();
  /** Token → when it ends, ms since 1970. */
  readonly sessions = new Map<string, number>();
  /** Calls of one customer and meter run one at a time, and not too many of any a second. */
  readonly traffic = new Traffic();
  /** The asynchronous check of an accepted event; for tests of what fails late. */
  lateRefusal: ((event: MeterEvent) => Refusal | null) | undefined;
  readonly log: LoggedRequest[] = [];
  #count = 0;

  constructor(now: () => number, lagMs: number) {
    this.now = now;
    this.lagMs = lagMs;
    this.usage = new Usage(now);
    this.keys = new IdempotencyKeys(now);
    this.webhooks = new WebhookSender(this);
  }

  /** Seconds since 1970. */
  get seconds(): number {
    return Math.floor(this.now() / 1000);
  }

  newId(prefix: string): string {
    this.#count += 1;
    return `${prefix}_${String(this.#count).padStart(4, "0")}${randomBytes(6).toString("hex")}`;
  }

  /** Keeps an object under a new id. */
  store(prefix: string, object: string, fields: Record<string, unknown>): StoredObject {
    const stored = {
      id: this.newId(prefix),
      object,
      created: this.seconds,
      livemode: false,
      ...fields,
    };
    this.objects.set(stored.id, stored);
    return stored;
  }

  list(object: string): StoredObject[] {
    return [...this.objects.values()].filter((candidate) => candidate.object === object);
  }
}
