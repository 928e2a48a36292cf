import { type TallybaseError, UsageNotRecordedError } from "./errors.ts";
import { canHold, mintEventId, timeOfEventId } from "./mint-event-id.ts";
import { toWire } from "./names.ts";
import { ask, type Session, withOrganization } from "./session.ts";
import type { BatchReceipt, CallOptions, Result, UsageEvent, UsageReceipt } from "./types.ts";

/** Events per request: more buys 10 % and costs six times the 99th percentile. */
const batchSize = 500;

/** The answer of a call that records: an error carries the events that were not confirmed. */
export type Recorded<Data> = Result<Data, UsageNotRecordedError>;

/** Where an event goes, and what to hand back with it when it cannot be written. */
export interface RecordOptions extends CallOptions {
  /** The hold that it settles; without one it is tracked. */
  holdId?: string | null | undefined;
  /** False draws the event from a hold that stays open. Default: true. */
  final?: boolean | undefined;
  response?: unknown;
}

/** Writes one event: tracked by itself, or as the end of a hold. Safe to repeat. */
export async function recordEvent(
  session: Session,
  event: UsageEvent,
  { holdId = null, final = true, response, signal }: RecordOptions = {},
): Promise<Recorded<UsageReceipt>> {
  const fixed = identify(session, event);
  const [name, args] =
    holdId === null
      ? ["track_usage", { event: toWire(fixed) }]
      : ["settle_usage", { hold_id: holdId, event: toWire(fixed), final }];
  const patience = { signal, retries: session.retries };
  let answer = await ask<UsageReceipt>(session, name, args, patience);
  if (answer.error?.code === "PT409" && holdId !== null && final && !event.id) {
    // Settled before, under the id of that time: told without one, the database compares the rest.
    const unnamed = { hold_id: holdId, event: toWire(withOrganization(session, event)), final };
    answer = await ask<UsageReceipt>(session, name, unnamed, patience);
  }
  return answer.error ? lose(session, answer.error, { events: [fixed], holdId, response }) : answer;
}

/** Writes any number of events, 500 at a time, and stops at the first part that gets no answer. */
export async function recordEvents(
  session: Session,
  events: readonly UsageEvent[],
  { signal }: CallOptions = {},
): Promise<Recorded<BatchReceipt>> {
  const fixed = events.map((event) => identify(session, event));
  const total: BatchReceipt = { recorded: 0, duplicates: 0, rejected: [] };
  for (let start = 0; start < fixed.length; start += batchSize) {
    const part = fixed.slice(start, start + batchSize).map(toWire);
    const { data, error } = await ask<BatchReceipt>(
      session,
      "track_usage_batch",
      { events: part },
      { signal, retries: session.retries },
    );
    if (error) return lose(session, error, { events: fixed.slice(start), partial: total });
    total.recorded += data.recorded;
    total.duplicates += data.duplicates;
    for (const row of data.rejected) total.rejected.push({ ...row, index: row.index + start });
  }
  return { data: total, error: null };
}

/**
 * Fixes what makes a repeat recognizable, before the first attempt: the id and the moment inside it.
 * An event with a key of its own has that already, and a new id would make its replay a conflict.
 * A moment that cannot be one is sent as it is; the database names the field.
 */
export function identify(session: Session, event: UsageEvent): UsageEvent {
  const named = withOrganization(session, event);
  if (named.idempotencyKey && !named.id) return named;
  const createdAt = named.createdAt ?? (named.id && timeOfEventId(named.id)) ?? new Date();
  const moment = new Date(createdAt);
  if (!canHold(moment)) return { ...named, createdAt: String(createdAt) };
  const text = typeof createdAt === "string" ? createdAt : createdAt.toISOString();
  return { ...named, id: named.id ?? mintEventId(moment), createdAt: text };
}

async function lose(
  session: Session,
  cause: TallybaseError,
  what: ConstructorParameters<typeof UsageNotRecordedError>[1],
): Promise<{ data: null; error: UsageNotRecordedError }> {
  const error = new UsageNotRecordedError(cause, what);
  await session.onLost?.(error);
  return { data: null, error };
}
