import type { TextCounter } from "../count-text.ts";
import { toTallyError } from "../errors.ts";
import type { RequestContext } from "../handle-request.ts";
import type { EndpointAdapter } from "./adapter.ts";
import { buildEvent, type CallEnd, type MeteredCall } from "./build-event.ts";
import type { EmittedText } from "./emitted-text.ts";
import type { Headroom, Ledger, Settlement } from "./ledger.ts";
import type { UpstreamRequest } from "./send-upstream.ts";

/** An admitted call, on its way to the provider. */
export interface RunningCall {
  call: MeteredCall;
  endpoint: EndpointAdapter;
  ledger: Ledger;
  holdId: string;
  upstream: UpstreamRequest;
  countText: TextCounter;
}

/** How long a finished stream stays open for its event to be recorded; recording goes on after it. */
const SETTLE_PATIENCE_MS = 2_000;

/**
 * Records what the call used. The answer does not wait longer than {@link SETTLE_PATIENCE_MS} for it,
 * and is not lost with it: recording goes on, and what cannot be recorded in the end is in the log.
 */
export async function settleCall(
  { call, ledger, holdId, countText }: RunningCall,
  { deps, log, finishAfter }: RequestContext,
  end: Pick<CallEnd, "status" | "model" | "usage" | "isComplete">,
  text: EmittedText | null,
): Promise<Settlement | null> {
  const durationMs = deps.now() - Date.parse(call.createdAt);
  const settled = (async () => {
    const isKnown = end.isComplete && end.usage !== null;
    const countedOutput = isKnown || text === null ? 0 : await text.countTokens(countText);
    const event = buildEvent(call, { ...end, countedOutput, durationMs });
    log.call = end.status;
    log.input_tokens = Number(event.input_tokens);
    log.output_tokens = Number(event.output_tokens);
    const settlement = await ledger.settle(holdId, event);
    // Text alone: images and audio are not counted by the tokenizer.
    if (isKnown && call.classes.length === 0) {
      deps.waitUntil(
        ledger.noteTokenCount(
          call.provider,
          call.request.model,
          call.inputTokens,
          Number(event.input_tokens),
        ).catch(() => undefined),
      );
    }
    return settlement;
  })().catch((error: unknown) => {
    log.unsettled = toTallyError(error).code;
    return null;
  });
  finishAfter(settled);
  deps.waitUntil(settled);
  return await withPatience(settled);
}

/** What is left is good to know, and no reason to fail. */
export function findHeadroom({ call, ledger }: RunningCall): Promise<Headroom | null> {
  const { organization_id, user_id } = call.attribution;
  return ledger.headroom({
    organization_id,
    provider: call.provider,
    model: call.request.model,
    ...(user_id !== undefined && { user_id }),
  }).catch(() => null);
}

async function withPatience<Result>(work: Promise<Result>): Promise<Result | null> {
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
