/** A difference that is to be counted by a sink. */
export interface MeterReport {
  organizationId: string;
  /** The meter. */
  eventName: string;
  /** The hour that it belongs to, ISO 8601, and its number within it. */
  hour: string;
  seq: number;
  /** The same in every attempt: a sink counts one identifier once, as long as it remembers it. */
  identifier: string;
  /** Changes where repeating the last request would only repeat its failure. */
  idempotencyKey: string;
  /** The customer of Stripe, or what stands for it elsewhere. */
  customerId: string;
  /** A whole number of at most 15 digits, perhaps negative. */
  value: string;
  /** The time that it counts at, ISO 8601. */
  eventAt: string;
}

/**
 * What became of a report:
 * - `delivered`: it is counted, by this attempt or an earlier one
 * - `retry`: surely not counted; try again
 * - `refused`: surely not counted, and not before somebody changes something
 * - `unknown`: perhaps counted; asking again under the same key is safe
 * - `unknown_stored`: perhaps counted; the same key would only repeat this answer
 */
export interface SendOutcome {
  outcome: "delivered" | "retry" | "refused" | "unknown" | "unknown_stored";
  /** Why, for the operator. */
  error?: string;
}

/** What a sink counted in an hour (ISO 8601). */
export interface HourSum {
  hour: string;
  value: string;
}

/** Which hours are asked for: whole ones, ISO 8601, the end not included. */
export interface HourQuery {
  customerId: string;
  /** The sink's own id of the meter. */
  meterId: string;
  startsAt: string;
  endsAt: string;
}

/** Where usage is reported to. Another one is another file. */
export interface MeterSink {
  name: string;
  /** How long an identifier that was sent is surely still known, in hours. */
  memoryHours: number;
  /** How old an event may be, in days. */
  oldestDays: number;
  /** How many reports one request holds. 1: those of one customer and meter go one after the other. */
  batchSize: number;
  /** How many requests may run at once. */
  concurrency: number;
  /** Sends up to {@link batchSize} reports; one outcome each, in their order. Never throws. */
  send(reports: MeterReport[]): Promise<SendOutcome[]>;
  /**
   * Its clock, ms since 1970; absent when it has none to show. How long ago something was sent decides
   * whether it may be sent again, so a clock of ours that is wrong must not be trusted.
   */
  readClock?(): Promise<number>;
  /** What it counted, hours without anything left out; absent when it cannot tell. */
  sumHours?(query: HourQuery): Promise<HourSum[]>;
}
