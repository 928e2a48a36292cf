import { defaultProject } from "./default-project.ts";
import { TallybaseError } from "./errors.ts";
import { type ClientDialect, type MeterContext, meterFetch } from "./meter-client.ts";

/** An SDK client that can be copied with another `fetch`: those of OpenAI and Anthropic. */
export interface CopyableClient {
  withOptions(options: { fetch: typeof fetch }): unknown;
}

const openaiDialect: ClientDialect = {
  provider: "openai",
  endpoints: [
    { path: /\/chat\/completions$/, operation: "chat" },
    { path: /\/responses$/, operation: "responses" },
    { path: /\/completions$/, operation: "completion" },
    { path: /\/embeddings$/, operation: "embedding" },
    { path: /\/images\/(generations|edits|variations)$/, operation: "image" },
    { path: /\/audio\/(transcriptions|translations)$/, operation: "transcription" },
    { path: /\/audio\/speech$/, operation: "speech" },
  ],
  modelOf: (_, body) => body.model,
  errorBody: (error) => ({ error: fieldsOf(error) }),
};

const anthropicDialect: ClientDialect = {
  provider: "anthropic",
  endpoints: [{ path: /\/messages$/, operation: "messages" }],
  modelOf: (_, body) => body.model,
  errorBody: (error) => ({ type: "error", error: { ...fieldsOf(error), type: "billing_error" } }),
};

const googleDialect: ClientDialect = {
  provider: "google",
  endpoints: [
    { path: /:(stream)?generateContent$/i, operation: "generate" },
    { path: /:(batchEmbedContents|embedContent)$/, operation: "embedding" },
    { path: /:predict$/, operation: "image" },
  ],
  modelOf: (url) => {
    const [, model] = /\/models\/([^/:]+):\w+$/.exec(url.pathname) ?? [];
    return model && decodeURIComponent(model);
  },
  errorBody: (error) => ({
    error: { ...fieldsOf(error), code: error.status, status: "FAILED", reason: error.code },
  }),
};

function fieldsOf(error: TallybaseError) {
  const { code, message, hint } = error;
  const quota = "quota" in error ? error.quota : undefined;
  return { code, message, type: "insufficient_quota", hint, ...(quota ? { quota } : {}) };
}

/**
 * A copy of an `openai` client whose every call is metered, streams included: chat completions,
 * responses, embeddings, images, speech. Realtime sessions and batches are not seen. A client whose
 * base URL is the gateway is metered there, and not twice.
 *
 * Refusals come as the SDK's own `APIError` with status 402: see {@link isQuotaExceeded}. Also for
 * services that speak OpenAI's format: name their `provider`.
 *
 * @param client - An `OpenAI` client; it stays as it is.
 *
 * @example
 * ```ts
 * const openai = meterOpenAI(new OpenAI(), { tally, toolName: "chat" });
 * const answer = await openai.chat.completions.create({
 *   model: "gpt-5.4-mini",
 *   messages: [{ role: "user", content: "Hello!" }],
 * });
 * ```
 */
export function meterOpenAI<Client extends CopyableClient>(
  client: Client,
  context: MeterContext = {},
): Client {
  return copyMetered(client, openaiDialect, context);
}

/**
 * A copy of an `@anthropic-ai/sdk` client whose every message is metered, streams and tool runners
 * included. Message batches are not seen. As {@link meterOpenAI} in everything else.
 *
 * @param client - An `Anthropic` client; it stays as it is.
 *
 * @example
 * ```ts
 * const anthropic = meterAnthropic(new Anthropic(), { tally, userId });
 * const message = await anthropic.messages.create({
 *   model: "claude-sonnet-4-5",
 *   max_tokens: 500,
 *   messages: [{ role: "user", content: "Hello!" }],
 * });
 * ```
 */
export function meterAnthropic<Client extends CopyableClient>(
  client: Client,
  context: MeterContext = {},
): Client {
  return copyMetered(client, anthropicDialect, context);
}

function copyMetered<Client extends CopyableClient>(
  client: Client,
  dialect: ClientDialect,
  context: MeterContext,
): Client {
  // Private in the types of the SDKs, and their users may have brought one of their own.
  const { fetch: own } = client as { fetch?: typeof fetch };
  const send = own ?? ((...args: Parameters<typeof fetch>) => fetch(...args));
  return client.withOptions({
    fetch: meterFetch(send, dialect, context, defaultProject),
  }) as Client;
}

/** A `GoogleGenAI` client, as far as it is metered. */
export interface GoogleClient {
  models: object;
  chats: object;
}

/**
 * A `@google/genai` client whose calls of `models` and `chats` are metered, streams and automatic
 * function calls included. Live sessions, batches and interactions are not seen.
 *
 * Refusals come as the SDK's own `ApiError` with status 402: see {@link isQuotaExceeded}.
 *
 * @param client - A `GoogleGenAI` client; it stays as it is.
 *
 * @example
 * ```ts
 * const ai = meterGoogle(new GoogleGenAI({ apiKey }), { tally, toolName: "ads" });
 * const answer = await ai.models.generateContent({ model: "gemini-3-flash", contents: "Hello!" });
 * ```
 */
export function meterGoogle<Client extends GoogleClient>(
  client: Client,
  context: MeterContext = {},
): Client {
  const metered = meterFetch((...args) => fetch(...args), googleDialect, context, defaultProject);
  const parts: Record<PropertyKey, object> = {
    models: withFetch(client.models, metered, (result) => result),
    chats: withFetch(client.chats, metered, (chat) => withFetch(chat, metered, null)),
  };
  return new Proxy(client, {
    // Its getters use private fields, which a proxy does not have: they run on the client itself.
    get: (target, name) => parts[name] ?? Reflect.get(target, name, target),
  });
}

interface GoogleParameters {
  config?: { httpOptions?: object } | undefined;
}

/** Methods that send a request which costs something. */
const sending = /^(generateContent|generateContentStream|embedContent|generateImages)$/;

/**
 * An object of the SDK whose methods pass our `fetch` on as an option of the request. A chat's messages
 * (`wrap` is null) have it from the chat itself, unless they bring options of their own.
 */
function withFetch(
  part: object,
  metered: typeof fetch,
  wrap: ((made: object) => object) | null,
): object {
  return new Proxy(part, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name, target);
      if (typeof method !== "function") return method;
      return (...args: [GoogleParameters?, ...unknown[]]) => {
        const [parameters, ...rest] = args;
        const isRequest = typeof parameters === "object" && (wrap || parameters.config);
        if (!isRequest) return method.apply(target, args);
        let isUsed = false;
        const config = parameters?.config ?? {};
        const send: typeof fetch = (...request) => {
          isUsed = true;
          return metered(...request);
        };
        const given = {
          ...parameters,
          config: { ...config, httpOptions: { ...config.httpOptions, fetch: send } },
        };
        const result: unknown = method.call(target, given, ...rest);
        if (result instanceof Promise) {
          return result.then((answer) => {
            if (!isUsed && sending.test(String(name))) throw tooOld();
            return answer;
          });
        }
        return wrap && typeof result === "object" && result !== null ? wrap(result) : result;
      };
    },
  });
}

const tooOld = () =>
  new TallybaseError("This version of @google/genai cannot be metered.", {
    code: "TALLY_UNSUPPORTED",
    status: 0,
    hint: "Update it, or wrap its calls with wrapWithTracking. This call was made and not recorded.",
  });
