import type { NormalizedUsage } from "../normalize-usage.ts";
import { type TallyEvent, withUsage } from "../merge-usage.ts";
import type { PreparedRequest } from "./adapter.ts";
import type { Attribution } from "./read-attribution.ts";

/** What is known of a call before it is answered. */
export interface MeteredCall {
  /** Id of the event, minted when the call began. */
  id: string;
  createdAt: string;
  attribution: Attribution;
  provider: string;
  operation: string;
  request: PreparedRequest;
  /** Input tokens as counted here: what is recorded when the provider reports none. */
  inputTokens: number;
  /** The same as a bound: what the hold is taken for. */
  inputTokensUpper: number;
  /** Classes beside plain text that some tokens may be billed as. */
  classes: string[];
  isByok: boolean;
  /** The caller's own key for this call. */
  idempotencyKey: string | null;
}

/** How a call ended. */
export interface CallEnd {
  status: "success" | "failed" | "timeout" | "aborted";
  /** The model that answered, as far as it was said. */
  model: string | null;
  /** What the provider reported; null: nothing. */
  usage: NormalizedUsage | null;
  /** Whether `usage` is the provider's last word. */
  isComplete: boolean;
  /** Tokens counted in what was generated, for a call without a last word. */
  countedOutput: number;
  durationMs: number;
}

/** The event of a finished call. */
export function buildEvent(call: MeteredCall, end: CallEnd): TallyEvent & { id: string } {
  const { organization_id, request_metadata, ...attribution } = call.attribution;
  const isEstimated = end.usage === null || !end.isComplete;
  const event = {
    organization_id,
    id: call.id,
    created_at: call.createdAt,
    provider: call.provider,
    model: call.request.model,
    operation: call.operation,
    ...attribution,
    service_tier: call.request.serviceTier,
    status: end.status,
    is_estimated: isEstimated,
    is_byok: call.isByok,
    duration_ms: end.durationMs,
    // Only an answer in full uses the key up: after anything less the caller may try again with it.
    idempotency_key: end.status === "success" ? call.idempotencyKey : null,
    ...(request_metadata !== undefined && { request_metadata }),
  };
  const usage = isEstimated ? estimate(call, end) : end.usage;
  return { ...withUsage(event, usage ?? estimate(call, end)), id: call.id };
}

/** The best guess: what was reported so far, and at least what was counted here. */
function estimate(call: MeteredCall, end: CallEnd): NormalizedUsage {
  const { usage } = end;
  const output = Math.min(end.countedOutput, call.request.maxOutputTokens);
  const missing = Math.max(0, output - (usage?.output_tokens ?? 0));
  const classes: Record<string, number> = usage === null
    ? { input: call.inputTokens, output }
    : { ...usage.classes, output: (usage.classes.output ?? 0) + missing };
  return {
    model: end.model,
    service_tier: usage?.service_tier ?? null,
    classes,
    input_tokens: usage?.input_tokens ?? call.inputTokens,
    output_tokens: (usage?.output_tokens ?? 0) + missing,
    anomalies: [
      ...(usage?.anomalies ?? []),
      ...(end.status === "success" ? ["usage_missing: the answer stated no usage"] : []),
    ],
    raw: null,
  };
}
