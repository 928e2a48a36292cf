import { QuotaExceededError, TallybaseError, UsageNotRecordedError } from "./errors.ts";
import { estimateRequest } from "./estimate-request.ts";
import { hideUsageFrame } from "./hide-usage-frame.ts";
import type { AskedFor, CallContext } from "./meter-types.ts";
import type { Tallybase } from "./tallybase.ts";
import type { Estimate } from "./types.ts";

/** Who the calls of a metered SDK client are for. */
export interface MeterContext
  extends Omit<
    CallContext<Response>,
    "provider" | "model" | "usageOf" | "asked" | "signal" | "serviceTier" | "operation"
  > {
  /** The name that prices are found by. Default: that of the SDK; told from the base URL for xAI. */
  provider?: string | undefined;
  /** The project. Default: the one of `configureTallybase`, or of the environment. */
  tally?: Tallybase | undefined;
  /**
   * What a request can come to at most. Default: half of its text's bytes as input tokens, and its own
   * limit as output tokens (`maxOutputTokens` where it names none). Sounds and images that are not paid
   * by the token hold their characters or their number where the model is known to be paid so.
   */
  estimate?: ((request: Record<string, unknown>) => number | Estimate) | undefined;
  /** Output tokens to hold for requests that name no limit. Default: 4096. */
  maxOutputTokens?: number | undefined;
}

/** One kind of request that costs something. */
export interface MeteredEndpoint {
  path: RegExp;
  operation: string;
}

/** How one provider's requests look. */
export interface ClientDialect {
  provider: string;
  endpoints: readonly MeteredEndpoint[];
  /** The model, from the path or the body. */
  modelOf(url: URL, body: Record<string, unknown>): unknown;
  /** The body of an error that the SDK reads. */
  errorBody(error: TallybaseError): unknown;
}

/**
 * A `fetch` that meters the requests of an SDK, each attempt by itself: whatever the SDK's helpers do
 * (parsing, tools in a loop, retries), each request is held, made and recorded.
 *
 * An SDK takes an exception for a lost connection and tries again, so refusals are answered as a
 * response with our code, which it turns into its own error at once.
 */
export function meterFetch(
  send: typeof fetch,
  dialect: ClientDialect,
  context: MeterContext,
  project: () => Tallybase,
): typeof fetch {
  return async (input, init) => {
    const found = findCall(dialect, input, init);
    if (!found) return send(input, init);
    const { provider, model, body, operation, isPatched } = found;
    const { tally, estimate, maxOutputTokens = 4_096, ...attribution } = context;
    const tier = body.service_tier;
    try {
      const client = tally ?? project();
      const bound = estimate?.(body) ?? estimateRequest(body, operation, maxOutputTokens);
      const { response } = await client.wrapWithTracking(
        {
          // The call is made, and an SDK would make it again if we threw: what is lost waits in the queue.
          onLost: ({ events }) => events.forEach(client.queue.add),
          ...attribution,
          provider: context.provider ?? provider,
          model,
          operation,
          asked: askedFor(operation, body),
          serviceTier: typeof tier === "string" && tier !== "auto" ? tier : undefined,
          signal: init?.signal ?? undefined,
        },
        () => send(input, isPatched ? { ...init, body: JSON.stringify(body) } : init),
        bound,
      );
      return isPatched ? hideUsageFrame(response) : response;
    } catch (error) {
      if (error instanceof UsageNotRecordedError && error.response instanceof Response) {
        return error.response;
      }
      if (!(error instanceof TallybaseError)) throw error;
      const status = error instanceof QuotaExceededError ? 402 : error.status || 503;
      const headers = { "x-should-retry": "false" };
      return Response.json(dialect.errorBody(error), { status, headers });
    }
  };
}

/** The request as far as it is to be metered; null for what costs nothing or is metered elsewhere. */
function findCall(dialect: ClientDialect, input: unknown, init: RequestInit | undefined) {
  const url = new URL(input instanceof Request ? input.url : String(input));
  const isGateway = url.pathname.includes("/functions/v1/gateway/");
  const endpoint = dialect.endpoints.find(({ path }) => path.test(url.pathname));
  if (!endpoint || isGateway || init?.method?.toUpperCase() !== "POST") return null;
  const body = readBody(init.body);
  const model = dialect.modelOf(url, body);
  if (typeof model !== "string") return null;
  // Without this, a chat completion that streams states no usage at all.
  const { stream_options: options } = body as { stream_options?: { include_usage?: boolean } };
  const isPatched =
    endpoint.operation === "chat" && body.stream === true && options?.include_usage !== true;
  if (isPatched) body.stream_options = { ...options, include_usage: true };
  const provider = url.hostname.endsWith("x.ai") ? "xai" : dialect.provider;
  return { provider, model, body, operation: endpoint.operation, isPatched };
}

const mediaApis: Record<string, AskedFor["api"]> = {
  image: "images",
  speech: "speech",
  transcription: "transcription",
};

/** What a request for media asks for: its answer may be bytes that state nothing. */
function askedFor(operation: string, body: Record<string, unknown>): AskedFor | undefined {
  const api = mediaApis[operation];
  if (!api) return undefined;
  const text = (name: string) => (typeof body[name] === "string" ? body[name] : undefined);
  const n = body.n === undefined ? undefined : Number(body.n);
  return { api, n, size: text("size"), quality: text("quality"), input: text("input") };
}

/** The fields of a request. Of a form only texts count: what a file comes to, the answer says. */
function readBody(body: unknown): Record<string, unknown> {
  if (typeof body === "string") {
    try {
      const fields: unknown = JSON.parse(body);
      if (typeof fields === "object" && fields !== null) return { ...fields };
    } catch {
      // Not JSON: nothing in it says what it costs.
    }
  }
  return body instanceof FormData ? Object.fromEntries(body) : {};
}
