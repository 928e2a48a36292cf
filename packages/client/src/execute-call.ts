import { ProviderError, QuotaExceededError, TallybaseError } from "./errors.ts";
import type {
  AIModelRequest,
  AIModelResponse,
  AIModelStream,
  ExecutionContext,
} from "./execute-types.ts";
import { at, wires } from "./gateway-wire.ts";
import { fromWire } from "./names.ts";
import { createStreamAccumulator, normalizeUsage, parseEventStream } from "./read-usage.ts";
import type { Session } from "./session.ts";
import type { BlockingQuota } from "./types.ts";

/** A chat that the gateway has taken. */
interface RunningChat {
  session: Session;
  request: AIModelRequest;
  response: Response;
  stop: AbortController;
}

/**
 * Sends a chat through the gateway and reads what came of it. It is sent once: the gateway cannot tell
 * a repeat from a second chat, and both would cost money.
 */
export async function executeCall(
  session: Session,
  request: AIModelRequest,
  context: ExecutionContext,
): Promise<AIModelResponse | AIModelStream> {
  const wire = wires[request.provider];
  if (!wire) throw unsupported(request.provider);
  const { signal, timeoutMs = 180_000 } = context;
  const stop = new AbortController();
  const leave = () => stop.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener("abort", leave, { once: true });
  const timer = setTimeout(() => stop.abort(timeout(timeoutMs)), timeoutMs);
  let isStreaming = false;
  try {
    const response = await session.transport.callGateway(wire.path(request), {
      body: wire.body(request),
      headers: {
        ...headersOf(session, context),
        ...(request.stream && { "x-tally-stream-cost": "1" }),
      },
      signal: stop.signal,
    });
    if (!response.ok) throw await readRefusal(request.provider, response);
    const chat: RunningChat = { session, request, response, stop };
    if (!request.stream) return await readWhole(chat);
    isStreaming = true;
    return openStream(chat, () => signal?.removeEventListener("abort", leave));
  } catch (error) {
    throw asTyped(error, stop.signal, signal);
  } finally {
    clearTimeout(timer);
    if (!isStreaming) signal?.removeEventListener("abort", leave);
  }
}

function headersOf(session: Session, context: ExecutionContext): Record<string, string> {
  const { requestMetadata, ...named } = context;
  const headers = {
    "x-tally-organization": named.organizationId ?? session.organizationId,
    "x-tally-user": named.userId,
    "x-tally-session": named.sessionId,
    "x-tally-workflow": named.workflowId,
    "x-tally-execution": named.executionId,
    "x-tally-tool": named.toolName,
    "x-tally-operation": named.operation,
    "x-tally-metadata": requestMetadata && asciiJson(requestMetadata),
    "x-provider-key": named.providerKey,
    "idempotency-key": named.idempotencyKey,
  };
  const given = Object.entries(headers).filter((entry): entry is [string, string] => !!entry[1]);
  return Object.fromEntries(given);
}

/** Headers carry ASCII only. */
function asciiJson(value: unknown): string {
  const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[^\x20-\x7e]/g, escaped);
}

async function readWhole({ request, response, session }: RunningChat): Promise<AIModelResponse> {
  const answer: unknown = await response.json();
  const { provider } = request;
  const usage = normalizeUsage(provider, answer);
  const cost = response.headers.get("x-tally-cost-usd");
  const usageId = response.headers.get("x-tally-usage-id");
  return {
    content: wires[provider].text(answer),
    usage: totals(usage?.input_tokens, usage?.output_tokens),
    cost: cost === null ? await askCost(session, usageId) : Number(cost),
    model: usage?.model ?? request.model,
    provider,
    usageId,
  };
}

function openStream(chat: RunningChat, release: () => void): AIModelStream {
  const { request, response, session, stop } = chat;
  const { provider } = request;
  const accumulator = createStreamAccumulator(provider);
  const usageId = response.headers.get("x-tally-usage-id");
  let content = "";
  /** As the gateway tells it after the last frame, to readers who may not ask the database too. */
  let cost: number | null = null;
  const readComment = (comment: string) => {
    const told = comment.startsWith("tally ") ? at(parse(comment.slice(6)), "cost_usd") : null;
    if (typeof told === "string") cost = Number(told);
  };
  async function* read(): AsyncGenerator<string, void, undefined> {
    let isRead = false;
    try {
      for await (const { data } of parseEventStream(
        response.body ?? new ReadableStream(),
        readComment,
      )) {
        const event = parse(data);
        const broken = at(event, "error");
        if (broken) throw new ProviderError(provider, 0, event);
        accumulator.push(event);
        const text = wires[provider].delta(event);
        content += text;
        if (text !== "") yield text;
      }
      isRead = true;
    } catch (error) {
      throw asTyped(error, stop.signal, stop.signal);
    } finally {
      release();
      // A reader that leaves ends the call, so that no more is paid for.
      if (!isRead) stop.abort();
    }
  }
  const pieces = read();
  return {
    usageId,
    [Symbol.asyncIterator]: () => pieces,
    async finalResponse() {
      for await (const _ of pieces);
      const { usage, model } = accumulator.finish({ aborted: stop.signal.aborted });
      return {
        content,
        usage: totals(usage?.input_tokens, usage?.output_tokens),
        cost: cost ?? (await askCost(session, usageId)),
        model: model ?? request.model,
        provider,
        usageId,
      };
    },
  };
}

const totals = (inputTokens = 0, outputTokens = 0) => ({
  inputTokens,
  outputTokens,
  totalTokens: inputTokens + outputTokens,
});

/** The cost of a recorded event: of a stream it is known only after its headers have left. */
async function askCost(session: Session, id: string | null): Promise<number | null> {
  if (id === null) return null;
  const signal = AbortSignal.timeout(session.timeoutMs);
  try {
    const { data } = await session.transport.callFunction("usage_event", { id }, signal);
    const cost = at(data, 0, "cost_usd");
    return cost === undefined || cost === null ? null : Number(cost);
  } catch {
    // The chat is answered and recorded; not knowing its cost is no reason to fail it.
    return null;
  }
}

async function readRefusal(provider: string, response: Response): Promise<TallybaseError> {
  const text = await response.text();
  const body = parse(text) ?? text;
  const { status } = response;
  const error = findOurs(body);
  if (!error) return new ProviderError(provider, status, body);
  if (error.code === "PT402") {
    return new QuotaExceededError({ ...unknownQuota, ...(fromWire(error.quota ?? {}) as object) });
  }
  return new TallybaseError(error.message, { ...error, status });
}

/** Our own errors come in the provider's shape, with our code in one of its fields. */
function findOurs(body: unknown) {
  for (const place of [at(body, "error"), at(body, "error", "details", 0), body]) {
    const texts = [at(place, "code"), at(place, "tally_code"), at(place, "reason")];
    const code = texts.find((text) => typeof text === "string" && /^PT\d{3}$/.test(text));
    if (typeof code !== "string") continue;
    const text = (name: string) => {
      const value = at(place, name) ?? at(body, "error", name);
      return typeof value === "string" ? value : null;
    };
    const quota = at(place, "quota") ?? at(body, "error", "quota");
    const detail = text("param") ?? text("details");
    return { code, message: text("message") ?? code, hint: text("hint"), detail, quota };
  }
  return null;
}

const unknownQuota: BlockingQuota = {
  quotaId: null,
  metric: null,
  quotaType: null,
  quotaLimit: null,
  currentUsage: null,
  reserved: null,
  remaining: null,
  requested: null,
  resetAt: null,
  reason: "quota",
};

function asTyped(error: unknown, stopped: AbortSignal, signal: AbortSignal | undefined): unknown {
  if (error instanceof TallybaseError) return error;
  if (stopped.reason instanceof TallybaseError) return stopped.reason;
  if (signal?.aborted) {
    const fields = { code: "TALLY_ABORTED", status: 0, cause: signal.reason };
    return new TallybaseError("The call was aborted.", fields);
  }
  const words = error instanceof Error ? error.message : String(error);
  return new TallybaseError(`No answer: ${words}`, {
    code: "TALLY_NETWORK",
    status: 0,
    cause: error,
    hint: "It may have been made and recorded: look before you repeat it, or use an idempotencyKey.",
  });
}

const timeout = (ms: number) =>
  new TallybaseError(`No answer within ${ms} ms.`, { code: "TALLY_TIMEOUT", status: 0 });

const unsupported = (provider: string) =>
  new TallybaseError(`The gateway does not know ${provider}.`, {
    code: "TALLY_UNSUPPORTED",
    status: 0,
    hint: `It knows ${Object.keys(wires).join(", ")}. Wrap other calls with wrapWithTracking.`,
  });

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
