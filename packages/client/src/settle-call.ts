import { releaseHold } from "./ask-quotas.ts";
import { eventOf, type Readers } from "./event-of-answer.ts";
import type { AskedFor, CallUsage } from "./meter-types.ts";
import type { NormalizedUsage, StreamResult } from "./read-usage.ts";
import { recordEvent } from "./record-usage.ts";
import type { Session } from "./session.ts";
import type { Attribution, Estimate, UsageEvent } from "./types.ts";

/** A call that was admitted. */
export interface AdmittedCall {
  session: Session;
  attribution: Attribution;
  estimate: Estimate;
  /** Null when admission could not be asked and the call goes ahead all the same. */
  holdId: string | null;
  expiresAt: string | null;
  /** `performance.now()` when it started. */
  startedAt: number;
  readers: Readers;
  asked?: AskedFor | undefined;
}

/** How a call ended. */
export interface Outcome {
  usage: NormalizedUsage | null;
  status: "success" | "failed" | "aborted";
  isEstimated: boolean;
  response?: unknown;
}

/**
 * More than nothing, so that a quota which is used up refuses, and less than any call. A call of
 * unknown cost is no reason to hold a guess.
 */
export const UNKNOWN_COST: Estimate = { estimatedCost: 1e-9 };

/**
 * Writes what a call used and ends its hold. Without an `onLost` handler, throws
 * UsageNotRecordedError when it cannot.
 */
export async function settleCall(call: AdmittedCall, outcome: Outcome): Promise<CallUsage> {
  const { usage, status, isEstimated, response } = outcome;
  const durationMs = Math.round(performance.now() - call.startedAt);
  const common = { ...call.attribution, status, isEstimated, durationMs };
  const others = (usage?.additional_usage ?? []).map((other) =>
    eventOf(call.readers, common, other),
  );
  const event = usage
    ? eventOf(call.readers, common, usage)
    : { ...common, ...countsOf(call.estimate) };
  const { session, holdId } = call;
  const receipts: CallUsage[] = [];
  for (const other of others) {
    receipts.push(await write(session, other, { holdId, final: false, response }));
  }
  return sumOf([await write(session, event, { holdId, response }), ...receipts]);
}

/** Gives the hold of a call that used nothing back. Should that fail, its expiry does. */
export async function releaseCall(call: AdmittedCall): Promise<CallUsage> {
  if (call.holdId !== null) await releaseHold(call.session, call.holdId);
  return {
    id: null,
    status: "released",
    costUsd: 0,
    inputTokens: 0,
    outputTokens: 0,
    totalTokens: 0,
    priceId: null,
    isEstimated: false,
  };
}

/**
 * What a stream used. Where the provider's own count did not arrive, the prompt is taken from the
 * estimate and the answer from its text, at three bytes a token: rather a little too much.
 */
export function usageOfStream(call: AdmittedCall, result: StreamResult): NormalizedUsage | null {
  const { usage, is_estimated, text_bytes, model } = result;
  if (!is_estimated) return usage;
  const { inputTokens = 0, maxOutputTokens = Number.POSITIVE_INFINITY } = call.estimate;
  const emitted = Math.min(Math.ceil(text_bytes / 3), maxOutputTokens);
  if (!usage && inputTokens === 0 && emitted === 0) return null;
  const known = usage ?? {
    model,
    service_tier: null,
    classes: { input: inputTokens },
    input_tokens: inputTokens,
    output_tokens: 0,
    anomalies: [],
    raw: null,
  };
  const missing = Math.max(emitted - known.output_tokens, 0);
  return {
    ...known,
    classes: { ...known.classes, output: (known.classes.output ?? 0) + missing },
    output_tokens: known.output_tokens + missing,
  };
}

/**
 * An answer without usage is recorded at what it was estimated to cost, never at zero; where nothing
 * was estimated either, as one request, which is unpriced unless its model has a price for that.
 */
function countsOf(estimate: Estimate): Partial<UsageEvent> {
  if (estimate === UNKNOWN_COST) return { isEstimated: true, units: 1, unitType: "request" };
  const { inputTokens, maxOutputTokens, units, unitType, estimatedCost } = estimate;
  const isCounted = inputTokens !== undefined || maxOutputTokens !== undefined;
  return {
    isEstimated: true,
    ...(isCounted && { inputTokens: inputTokens ?? 0, outputTokens: maxOutputTokens ?? 0 }),
    ...(units !== undefined && { units, unitType }),
    ...(!isCounted && units === undefined && { costUsd: estimatedCost }),
  };
}

async function write(
  session: Session,
  event: UsageEvent,
  how: { holdId: string | null; final?: boolean; response: unknown },
): Promise<CallUsage> {
  const { data, error } = await recordEvent(session, event, how);
  const isEstimated = event.isEstimated === true;
  if (data) return { ...data, isEstimated };
  if (!session.onLost) throw error;
  const [lost = event] = error.events;
  const inputTokens = lost.inputTokens ?? 0;
  const outputTokens = lost.outputTokens ?? 0;
  return {
    id: lost.id ?? null,
    status: "lost",
    costUsd: null,
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    priceId: null,
    isEstimated,
  };
}

/** One call that spent tokens on several models is one amount to its caller. */
function sumOf([first, ...others]: [CallUsage, ...CallUsage[]]): CallUsage {
  const sum = { ...first };
  for (const other of others) {
    sum.inputTokens += other.inputTokens;
    sum.outputTokens += other.outputTokens;
    sum.totalTokens += other.totalTokens;
    // For display: the ledger has the exact amounts, one per event.
    sum.costUsd =
      sum.costUsd === null || other.costUsd === null
        ? null
        : Number((sum.costUsd + other.costUsd).toFixed(12));
  }
  return sum;
}
