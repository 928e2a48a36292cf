/// <reference lib="esnext.disposable" preserve="true" />

import { eventOf } from "./event-of-answer.ts";
import { type Recorded, recordEvent } from "./record-usage.ts";
import type { Session } from "./session.ts";
import type { Attribution, UsageEvent, UsageReceipt } from "./types.ts";

/** What an event says of its outcome; a description without any of these is still to be measured. */
const outcomes = ["inputTokens", "outputTokens", "classes", "units", "costUsd", "status"] as const;

/** A use that is about to happen: everything of an event but what is used. */
export interface UsageContext extends Attribution {
  id?: string | undefined;
  idempotencyKey?: string | null | undefined;
  inputTokens?: undefined;
  outputTokens?: undefined;
  classes?: undefined;
  units?: undefined;
  costUsd?: undefined;
  status?: undefined;
}

/**
 * A use that is going on. Fill in what was used; when it ends, it is recorded with its duration.
 * Nothing filled in is recorded as nothing used: zero tokens.
 */
export interface UsageMeasure extends Disposable, AsyncDisposable {
  inputTokens: number;
  outputTokens: number;
  /** Tokens or units per class; they win over the two totals. */
  classes: Record<string, number> | undefined;
  units: number | string | undefined;
  unitType: string | undefined;
  status: "success" | "failed" | "timeout" | "aborted";
  requestMetadata: Record<string, unknown> | null | undefined;
  /** Takes everything from a provider's response as it came: counts, classes, the model, the tier. */
  read(response: unknown): void;
  /** Ends it and records it; the second time it only answers. */
  finish(): Promise<Recorded<UsageReceipt>>;
}

/** Whether an event states what was used. */
export function isMeasured(event: UsageEvent | UsageContext): event is UsageEvent {
  return outcomes.some((name) => event[name] !== undefined && event[name] !== null);
}

/** Starts the clock of a use. */
export function measureUsage(session: Session, context: UsageContext): UsageMeasure {
  const startedAt = performance.now();
  let response: unknown;
  let finishing: Promise<Recorded<UsageReceipt>> | undefined;

  async function record(durationMs: number): Promise<Recorded<UsageReceipt>> {
    const { inputTokens, outputTokens, classes, units, unitType, status, requestMetadata } =
      measure;
    const common: UsageEvent = { ...context, status, requestMetadata, durationMs };
    const amounts =
      units === undefined
        ? classes
          ? { classes }
          : { inputTokens, outputTokens }
        : { units, unitType };
    if (response === undefined) return recordEvent(session, { ...common, ...amounts });
    const readers = await import("./read-usage.ts");
    const usage = readers.normalizeUsage(context.provider, response);
    const event = usage ? eventOf(readers, common, usage) : { ...common, ...amounts };
    return recordEvent(session, event);
  }

  const measure: UsageMeasure = {
    inputTokens: 0,
    outputTokens: 0,
    classes: undefined,
    units: undefined,
    unitType: undefined,
    status: "success",
    requestMetadata: context.requestMetadata,
    read: (answer) => {
      response = answer;
    },
    finish: () => {
      finishing ??= record(Math.round(performance.now() - startedAt));
      return finishing;
    },
    [Symbol.dispose]: () => void end(session, measure),
    [Symbol.asyncDispose]: () => end(session, measure),
  };
  return measure;
}

/** Nobody asks a block for its answer, so a failure is told here if nowhere else. */
async function end(session: Session, measure: UsageMeasure): Promise<void> {
  const { error } = await measure.finish();
  if (error && !session.onLost) console.error(error, error.events);
}

/** Measures a function: its duration, what it fills in, and whether it failed. */
export async function measureFunction<T>(
  session: Session,
  context: UsageContext,
  fn: (usage: UsageMeasure) => T,
): Promise<Awaited<T>> {
  const measure = measureUsage(session, context);
  try {
    return await fn(measure);
  } catch (error) {
    measure.status = "failed";
    throw error;
  } finally {
    await end(session, measure);
  }
}
