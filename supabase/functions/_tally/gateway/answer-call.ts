import type { TextCounter } from "../count-text.ts";
import { TallyError, toTallyError } from "../errors.ts";
import type { RequestContext } from "../handle-request.ts";
import type { EndpointAdapter } from "./adapter.ts";
import { buildEvent, type CallEnd, type MeteredCall } from "./build-event.ts";
import { EmittedText } from "./emitted-text.ts";
import { keepHold } from "./keep-hold.ts";
import type { Headroom, Ledger, Settlement } from "./ledger.ts";
import { meterStream } from "./meter-stream.ts";
import {
  passedBackHeaders,
  sendUpstream,
  type UpstreamRequest,
  type UpstreamResult,
} from "./send-upstream.ts";

/** An admitted call, on its way to the provider. */
export interface RunningCall {
  call: MeteredCall;
  endpoint: EndpointAdapter;
  ledger: Ledger;
  holdId: string;
  upstream: UpstreamRequest;
  countText: TextCounter;
}

type Answer = Extract<UpstreamResult, { kind: "answer" }>;

/** How long a finished stream stays open for its event to be recorded; recording goes on after it. */
const SETTLE_PATIENCE_MS = 2_000;

/** Sends an admitted call and answers it. Whatever happens, its hold ends. */
export async function answerCall(running: RunningCall, context: RequestContext): Promise<Response> {
  const { deps, request } = context;
  const stopKeeping = keepHold(running.ledger, running.holdId);
  // A stream's headers leave before its event exists: they tell what is left beside its hold.
  const headroom = running.call.request.isStream ? findHeadroom(running) : Promise.resolve(null);
  let isStreaming = false;
  try {
    const result = await sendUpstream(running.upstream, {
      fetch: deps.fetch,
      clientGone: request.signal,
      timeoutMs: deps.env.upstreamTimeoutMs,
    });
    if (result.kind !== "answer") return await answerNothing(result.kind, running, context);
    const { response } = result;
    if (!response.ok) return await passOnRefusal(response, running, context);
    if (isEventStream(response)) {
      isStreaming = true;
      return passOnStream(result, running, context, stopKeeping, await headroom);
    }
    return await passOnAnswer(result, running, context);
  } finally {
    if (!isStreaming) stopKeeping();
  }
}

function isEventStream(response: Response): boolean {
  return response.headers.get("content-type")?.startsWith("text/event-stream") === true &&
    response.body !== null;
}

/** No answer came. A provider that was reached has read the prompt; one that was not has not. */
async function answerNothing(
  kind: Exclude<UpstreamResult["kind"], "answer">,
  running: RunningCall,
  context: RequestContext,
): Promise<Response> {
  if (kind === "unsent" || kind === "unreachable") {
    await running.ledger.release(running.holdId);
    if (kind === "unsent") return new Response(null, { status: 499 });
    throw new TallyError("PT502", "The provider cannot be reached.", {
      hint: "Try again in a moment; nothing was charged.",
    });
  }
  await settle(
    running,
    context,
    { status: kind, model: null, usage: null, isComplete: false },
    null,
  );
  if (kind === "aborted") return new Response(null, { status: 499 });
  throw new TallyError("PT504", "The provider did not answer in time.", {
    hint: "Ask for a stream, or for less.",
  });
}

/** The provider's own error, untouched: it costs nothing. */
async function passOnRefusal(
  response: Response,
  running: RunningCall,
  { log }: RequestContext,
): Promise<Response> {
  log.call = "refused";
  await running.ledger.release(running.holdId);
  const { status, body, headers } = response;
  return new Response(body, { status, headers: passedBackHeaders(headers) });
}

async function passOnAnswer(
  { response, abort }: Answer,
  running: RunningCall,
  context: RequestContext,
): Promise<Response> {
  const { request, deps } = context;
  request.signal.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(abort, deps.env.upstreamTimeoutMs);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch {
    const status = request.signal.aborted ? "aborted" : "failed";
    await settle(running, context, { status, model: null, usage: null, isComplete: false }, null);
    if (status === "aborted") return new Response(null, { status: 499 });
    throw new TallyError("PT502", "The provider's answer broke off.", {
      hint: "Try again in a moment.",
    });
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener("abort", abort);
  }

  const { model, usage, text } = running.endpoint.readAnswer(parseLeniently(bytes));
  const emitted = new EmittedText();
  if (usage === null) emitted.add(text);
  const end = { status: "success", model, usage, isComplete: usage !== null } as const;
  const settlement = await settle(running, context, end, emitted);
  const headroom = await findHeadroom(running);
  return new Response(bytes, {
    status: response.status,
    headers: withTallyHeaders(response, running, headroom, settlement),
  });
}

function passOnStream(
  { response, abort }: Answer,
  running: RunningCall,
  context: RequestContext,
  stopKeeping: () => void,
  headroom: Headroom | null,
): Response {
  const { deps, request } = context;
  const { promise: isOver, resolve: over } = Promise.withResolvers<void>();
  context.finishAfter(isOver);
  const body = meterStream(response.body as ReadableStream<Uint8Array>, {
    reader: running.endpoint.createStreamReader(),
    hidesUsage: running.call.request.hidesUsage,
    idleMs: deps.env.upstreamTimeoutMs,
    clientGone: request.signal,
    abortUpstream: abort,
    onEnd: async ({ status, end, text }) => {
      stopKeeping();
      await settle(running, context, { status, ...end }, text);
      over();
    },
  });
  const headers = withTallyHeaders(response, running, headroom, null);
  return new Response(body, { status: response.status, headers });
}

/**
 * Records what the call used. The answer does not wait longer than {@link SETTLE_PATIENCE_MS} for it,
 * and is not lost with it: recording goes on, and what cannot be recorded in the end is in the log.
 */
async function settle(
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
    return await ledger.settle(holdId, event);
  })().catch((error: unknown) => {
    log.unsettled = toTallyError(error).code;
    return null;
  });
  finishAfter(settled);
  deps.waitUntil(settled);
  return await Promise.race([settled, patience()]);
}

/** What is left is good to know, and no reason to fail. */
function findHeadroom({ call, ledger }: RunningCall): Promise<Headroom | null> {
  const { organization_id, user_id } = call.attribution;
  return ledger.headroom({
    organization_id,
    provider: call.provider,
    model: call.request.model,
    ...(user_id !== undefined && { user_id }),
  }).catch(() => null);
}

function withTallyHeaders(
  response: Response,
  { call }: RunningCall,
  headroom: Headroom | null,
  settlement: Settlement | null,
): Headers {
  const headers = passedBackHeaders(response.headers);
  headers.set("x-tally-usage-id", call.id);
  const cost = settlement?.cost_usd ?? null;
  if (cost !== null) headers.set("x-tally-cost-usd", cost);
  if (headroom !== null) {
    headers.set("x-tally-remaining", headroom.remaining);
    headers.set("x-tally-remaining-metric", headroom.metric);
  }
  return headers;
}

function parseLeniently(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

function patience(): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), SETTLE_PATIENCE_MS));
}
