import { TallyError } from "../errors.ts";
import type { RequestContext } from "../handle-request.ts";
import { answerNothing, passOnUntouched } from "./answer-nothing.ts";
import { EmittedText } from "./emitted-text.ts";
import { keepHold } from "./keep-hold.ts";
import type { Settlement } from "./ledger.ts";
import { meterStream } from "./meter-stream.ts";
import { type Detours, reachProvider } from "./reach-provider.ts";
import { passedBackHeaders, readAnswer, type UpstreamResult } from "./send-upstream.ts";
import { type RunningCall, settleCall } from "./settle-call.ts";
import { FrameSplitter, NO_FRAMES, type Splitter } from "./split-frames.ts";
import { ArraySplitter } from "./split-json-array.ts";
import { costComment } from "./tell-cost.ts";

type Answer = Extract<UpstreamResult, { kind: "answer" }>;

/** Nothing is known of what came. */
const NOTHING = { model: null, usage: null, isComplete: false } as const;

/** Sends an admitted call and answers it. Whatever happens, its hold ends. */
export async function answerCall(
  admitted: RunningCall,
  detours: Detours,
  context: RequestContext,
): Promise<Response> {
  let stopKeeping = keepHold(admitted.ledger, admitted.holdId);
  const { fallBack } = detours;
  let isStreaming = false;
  try {
    const { running, result } = await reachProvider(admitted, {
      ...detours,
      fallBack: fallBack && (async (attempts) => {
        stopKeeping();
        const next = await fallBack(attempts);
        if (next !== null) stopKeeping = keepHold(next.ledger, next.holdId);
        return next;
      }),
    }, context);
    if (result.kind !== "answer") {
      if (result.kind === "aborted" || result.kind === "timeout") {
        // A provider that was reached has read the prompt; one that was not has not.
        await settleCall(
          running,
          context,
          { status: result.kind, ...NOTHING },
          null,
        );
      } else await running.ledger.release(running.holdId);
      return answerNothing(result.kind);
    }
    const { response } = result;
    if (!response.ok) {
      // The provider's own error, untouched: it costs nothing.
      context.log.call = "refused";
      await running.ledger.release(running.holdId);
      return passOnUntouched(response);
    }
    const splitter = splitterFor(response, running);
    if (splitter !== null) {
      isStreaming = true;
      return passOnStream(
        result,
        splitter,
        running,
        context,
        () => stopKeeping(),
      );
    }
    return await passOnAnswer(result, running, context);
  } finally {
    if (!isStreaming) stopKeeping();
  }
}

/** How an answer is looked into while it passes; null for one that is read first. */
function splitterFor(
  { headers, body }: Response,
  { call }: RunningCall,
): Splitter | null {
  if (body === null) return null;
  const type = headers.get("content-type") ?? "";
  if (type.startsWith("text/event-stream")) return new FrameSplitter();
  if (!/^(application\/json|text\/)/.test(type)) return NO_FRAMES;
  // Google streams arrays; from others JSON is an answer in full, also where a stream was asked for.
  const isArray = call.provider === "google" && call.request.isStream &&
    type.startsWith("application/json");
  return isArray ? new ArraySplitter() : null;
}

async function passOnAnswer(
  answer: Answer,
  running: RunningCall,
  context: RequestContext,
): Promise<Response> {
  const { request, deps } = context;
  const bytes = await readAnswer(answer, {
    clientGone: request.signal,
    timeoutMs: deps.env.upstreamTimeoutMs,
  });
  if (typeof bytes === "string") {
    await settleCall(running, context, { status: bytes, ...NOTHING }, null);
    if (bytes !== "failed") return answerNothing(bytes);
    throw new TallyError("PT502", "The provider's answer broke off.", {
      hint: "Try again in a moment.",
    });
  }
  const { model, usage, text } = running.endpoint.readAnswer(
    parse(bytes),
    running.call.request,
  );
  const emitted = new EmittedText();
  if (usage === null) emitted.add(text);
  const end = {
    status: "success",
    model,
    usage,
    isComplete: usage !== null,
  } as const;
  const settlement = await settleCall(running, context, end, emitted);
  return new Response(bytes, {
    status: answer.response.status,
    headers: withTallyHeaders(answer.response, running, settlement),
  });
}

function passOnStream(
  { response, abort }: Answer,
  splitter: Splitter,
  running: RunningCall,
  context: RequestContext,
  stopKeeping: () => void,
): Response {
  const { deps, request } = context;
  const { promise: isOver, resolve: over } = Promise.withResolvers<void>();
  context.finishAfter(isOver);
  const body = meterStream(response.body as ReadableStream<Uint8Array>, {
    reader: running.endpoint.createStreamReader(running.call.request),
    splitter,
    hidesUsage: running.call.request.hidesUsage,
    idleMs: deps.env.upstreamTimeoutMs,
    clientGone: request.signal,
    abortUpstream: abort,
    onEnd: async ({ status, end, text }) => {
      stopKeeping();
      const settlement = await settleCall(running, context, { status, ...end }, text);
      over();
      return splitter instanceof FrameSplitter ? costComment(request.headers, settlement) : null;
    },
  });
  const headers = withTallyHeaders(response, running, null);
  return new Response(body, { status: response.status, headers });
}

function withTallyHeaders(
  response: Response,
  { call, headroom }: RunningCall,
  settlement: Settlement | null,
): Headers {
  const headers = passedBackHeaders(response.headers);
  headers.set("x-tally-usage-id", call.id);
  const cost = settlement?.cost_usd ?? null;
  if (cost !== null) headers.set("x-tally-cost-usd", cost);
  if (headroom !== null) {
    // A stream's headers leave before its event exists: they tell what is left beside its hold.
    headers.set(
      "x-tally-remaining",
      settlement?.remaining ?? headroom.remaining,
    );
    headers.set("x-tally-remaining-metric", headroom.metric);
  }
  return headers;
}

const UTF8 = new TextDecoder();

/** An answer's JSON; its text where it is none. */
function parse(bytes: Uint8Array): unknown {
  const text = UTF8.decode(bytes);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
