import type { TextCounter } from "../count-text.ts";
import { toTallyError } from "../errors.ts";
import type { RequestContext } from "../handle-request.ts";
import type { EndpointAdapter } from "./adapter.ts";
import { buildEvents, type CallEnd, type MeteredCall } from "./build-event.ts";
import type { EmittedText } from "./emitted-text.ts";
import type { Headroom, Ledger, Settlement, SettleMore } from "./ledger.ts";
import type { UpstreamRequest } from "./send-upstream.ts";

/** An admitted call, on its way to the provider. */
export interface RunningCall {
  call: MeteredCall;
  endpoint: EndpointAdapter;
  ledger: Ledger;
  holdId: string;
  upstream: UpstreamRequest;
  countText: TextCounter;
  /** What was left beside the hold; null without quotas. */
  headroom: Headroom | null;
}

/** How long a finished stream stays open for its event to be recorded; recording goes on after it. */
const SETTLE_PATIENCE_MS = 2_000;
/** Shorter prompts say more about framing than about the tokenizer. */
const SHORTEST_LESSON = 100;

/**
 * Records what the call used. The answer does not wait longer than {@link SETTLE_PATIENCE_MS} for it,
 * and is not lost with it: recording goes on, and what cannot be recorded in the end is in the log.
 */
export async function settleCall(
  { call, ledger, holdId, countText, headroom }: RunningCall,
  { deps, log, finishAfter }: RequestContext,
  end: Pick<CallEnd, "status" | "model" | "usage" | "isComplete">,
  text: EmittedText | null,
): Promise<Settlement | null> {
  const durationMs = deps.now() - Date.parse(call.createdAt);
  const settled = (async () => {
    const isKnown = end.isComplete && end.usage !== null;
    const countedOutput = isKnown || text === null ? 0 : await text.countTokens(countText);
    const { event, others } = buildEvents(call, {
      ...end,
      countedOutput,
      durationMs,
    });
    log.call = end.status;
    log.input_tokens = Number(event.input_tokens);
    log.output_tokens = Number(event.output_tokens);
    const more: SettleMore = {
      ...(others.length > 0 && { others }),
      ...(isKnown && call.isLesson && call.inputTokens >= SHORTEST_LESSON && {
        counted_tokens: call.inputTokens,
        counted_model: call.request.model,
      }),
      ...(headroom !== null && { headroom }),
    };
    return await ledger.settle(holdId, event, more);
  })().catch((error: unknown) => {
    log.unsettled = toTallyError(error).code;
    return null;
  });
  finishAfter(settled);
  deps.waitUntil(settled);
  return await withPatience(settled);
}

async function withPatience<Result>(
  work: Promise<Result>,
): Promise<Result | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), SETTLE_PATIENCE_MS);
  });
  try {
    return await Promise.race([work, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}
