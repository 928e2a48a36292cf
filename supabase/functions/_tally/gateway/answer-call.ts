import { TallyError } from "../errors.ts";
import type { RequestContext } from "../handle-request.ts";
import { EmittedText } from "./emitted-text.ts";
import { keepHold } from "./keep-hold.ts";
import type { Headroom, Settlement } from "./ledger.ts";
import { meterStream } from "./meter-stream.ts";
import {
  passedBackHeaders,
  readAnswer,
  sendUpstream,
  type UpstreamResult,
} from "./send-upstream.ts";
import { findHeadroom, type RunningCall, settleCall } from "./settle-call.ts";

type Answer = Extract<UpstreamResult, { kind: "answer" }>;

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
  await settleCall(
    running,
    context,
    { status: kind, model: null, usage: null, isComplete: false },
    null,
  );
  if (kind === "aborted") return new Response(null, { status: 499 });
  throw tooLate();
}

function tooLate(): TallyError {
  return new TallyError("PT504", "The provider did not answer in time.", {
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
  answer: Answer,
  running: RunningCall,
  context: RequestContext,
): Promise<Response> {
  const { request, deps } = context;
  const isLate = AbortSignal.timeout(deps.env.upstreamTimeoutMs);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await readAnswer(answer, AbortSignal.any([request.signal, isLate]));
  } catch {
    const status = request.signal.aborted ? "aborted" : isLate.aborted ? "timeout" : "failed";
    await settleCall(
      running,
      context,
      { status, model: null, usage: null, isComplete: false },
      null,
    );
    if (status === "aborted") return new Response(null, { status: 499 });
    throw status === "timeout" ? tooLate() : new TallyError(
      "PT502",
      "The provider's answer broke off.",
      { hint: "Try again in a moment." },
    );
  }

  const { model, usage, text } = running.endpoint.readAnswer(parseLeniently(bytes));
  const emitted = new EmittedText();
  if (usage === null) emitted.add(text);
  const end = { status: "success", model, usage, isComplete: usage !== null } as const;
  const settlement = await settleCall(running, context, end, emitted);
  const headroom = await findHeadroom(running);
  return new Response(bytes, {
    status: answer.response.status,
    headers: withTallyHeaders(answer.response, running, headroom, settlement),
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
      await settleCall(running, context, { status, ...end }, text);
      over();
    },
  });
  const headers = withTallyHeaders(response, running, headroom, null);
  return new Response(body, { status: response.status, headers });
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
