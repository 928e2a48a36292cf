import { mintId } from "../mint-id.ts";
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
  /** Whether what the provider makes of the prompt says how its model counts text. */
  isLesson: boolean;
  isByok: boolean;
  /** The caller's own key for this call. */
  idempotencyKey: string | null;
  /** What the gateway did to get an answer, for the event's metadata. */
  detour: Record<string, unknown> | null;
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

/** The event of a finished call, and those of other models that the same answer used. */
export function buildEvents(
  call: MeteredCall,
  end: CallEnd,
): { event: TallyEvent & { id: string }; others: TallyEvent[] } {
  const { organization_id, request_metadata, ...attribution } = call.attribution;
  const isEstimated = end.usage === null || !end.isComplete;
  const metadata = { ...request_metadata, ...call.detour };
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
    ...(Object.keys(metadata).length > 0 && { request_metadata: metadata }),
  };
  const usage = isEstimated || end.usage === null ? estimate(call, end) : end.usage;
  const now = Date.parse(call.createdAt);
  return {
    event: { ...withUsage(event, usage), id: call.id },
    // Each has an id before it is sent: a statement that is sent again records it once.
    others: (end.usage?.additional_usage ?? []).map((other) => ({
      ...withUsage({ ...event, model: other.model ?? event.model }, other),
      id: mintId(now).id,
      idempotency_key: null,
    })),
  };
}

/** The best guess: what was reported so far, and at least what was counted here. */
function estimate(call: MeteredCall, end: CallEnd): NormalizedUsage {
  const { usage } = end;
  const { assumed, maxOutputTokens } = call.request;
  const anomalies = [
    ...(usage?.anomalies ?? []),
    ...(end.status === "success" && usage === null
      ? ["usage_missing: the answer stated no usage"]
      : []),
  ];
  const output = Math.min(end.countedOutput, maxOutputTokens);
  const base = {
    model: end.model,
    service_tier: usage?.service_tier ?? null,
    anomalies,
    raw: null,
  };
  if (usage !== null) {
    const missing = usage.units === undefined ? Math.max(0, output - usage.output_tokens) : 0;
    const classes = {
      ...usage.classes,
      output: (usage.classes.output ?? 0) + missing,
    };
    return {
      ...usage,
      ...base,
      classes,
      output_tokens: usage.output_tokens + missing,
    };
  }
  const { classes, ...units } = assumed ?? { classes: {} };
  const assumedOutput = sumOf(classes, /^output/);
  const assumedInput = sumOf(classes, /^input/);
  // Text of the prompt comes on top of what is assumed of the rest of it.
  const input = units.units === undefined ? Math.max(0, call.inputTokens - assumedInput) : 0;
  const counted = assumedOutput > 0 || units.units !== undefined ? 0 : output;
  return {
    ...base,
    ...units,
    classes: { ...classes, input, output: counted },
    input_tokens: assumedInput + input,
    output_tokens: assumedOutput + counted,
  };
}

function sumOf(classes: Record<string, number>, names: RegExp): number {
  return Object.entries(classes)
    .reduce(
      (total, [name, amount]) => names.test(name) ? total + amount : total,
      0,
    );
}
