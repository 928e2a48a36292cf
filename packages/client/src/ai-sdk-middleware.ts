import { defaultProject } from "./default-project.ts";
import { estimateRequest } from "./estimate-request.ts";
import type { CallContext } from "./meter-types.ts";
import type { Tallybase } from "./tallybase.ts";
import type { Estimate } from "./types.ts";

/** Who the calls of a wrapped model are for. */
export interface AiSdkContext
  extends Omit<CallContext, "provider" | "model" | "usageOf" | "asked" | "signal" | "operation"> {
  /** The name that prices are found by. Default: the model's own, without what follows a dot. */
  provider?: string | undefined;
  /** The project. Default: the one of `configureTallybase`, or of the environment. */
  tally?: Tallybase | undefined;
  /** What a call can come to at most; default: as for {@link meterOpenAI}. */
  estimate?: ((params: AiSdkParameters) => number | Estimate) | undefined;
  /** Output tokens to hold for calls that name no limit. Default: 4096. */
  maxOutputTokens?: number | undefined;
}

/** What the SDK asks of a model. */
export interface AiSdkParameters {
  prompt: unknown;
  maxOutputTokens?: number | undefined;
  abortSignal?: AbortSignal | undefined;
  [option: string]: unknown;
}

interface Model {
  provider: string;
  modelId: string;
}

/** A middleware in the shape that `wrapLanguageModel` takes, whatever the version. */
export interface AiSdkMiddleware {
  wrapGenerate<Result>(call: Generate<Result>): Promise<Result>;
  wrapStream<Result extends { stream: ReadableStream }>(call: Stream<Result>): Promise<Result>;
}

interface Generate<Result> {
  doGenerate: () => PromiseLike<Result>;
  params: object;
  model: Model;
}

interface Stream<Result> {
  doStream: () => PromiseLike<Result>;
  params: object;
  model: Model;
}

/**
 * A middleware for the Vercel AI SDK that meters every call of a model, streams, tools and retries
 * included. A refused call throws {@link QuotaExceededError}; the SDK does not retry it.
 *
 * @example
 * ```ts
 * const model = wrapLanguageModel({
 *   model: openai("gpt-5.4-mini"),
 *   middleware: tallybaseMiddleware({ tally, toolName: "chat" }),
 * });
 * const { text } = await generateText({ model, prompt: "Hello!" });
 * ```
 */
export function tallybaseMiddleware(context: AiSdkContext = {}): AiSdkMiddleware {
  const { tally, estimate, maxOutputTokens = 4_096, provider, ...attribution } = context;
  const wrap = (call: { params: object; model: Model }, run: () => PromiseLike<unknown>) => {
    const client = tally ?? defaultProject();
    const params = call.params as AiSdkParameters;
    const described: CallContext = {
      onLost: ({ events }) => events.forEach(client.queue.add),
      ...attribution,
      // `openai.chat`, `google.generative-ai`: who is asked, then in which way.
      provider: provider ?? call.model.provider.split(".", 1)[0] ?? call.model.provider,
      model: call.model.modelId,
      operation: "generate",
      signal: params.abortSignal,
    };
    const bound = estimate?.(params) ?? boundOf(params, maxOutputTokens);
    return client.wrapWithTracking<unknown>(described, run, bound);
  };
  return {
    async wrapGenerate<Result>(call: Generate<Result>) {
      const { response } = await wrap(call, call.doGenerate);
      return response as Result;
    },
    async wrapStream<Result extends { stream: ReadableStream }>(call: Stream<Result>) {
      let rest: Result | null = null;
      const { response } = await wrap(call, async () => {
        rest = await call.doStream();
        return rest.stream;
      });
      return { ...(rest as Result | null), stream: response } as Result;
    },
  };
}

function boundOf({ prompt, tools, maxOutputTokens }: AiSdkParameters, otherwise: number) {
  const limit = maxOutputTokens ?? otherwise;
  return estimateRequest({ prompt, tools, max_output_tokens: limit }, "chat", otherwise);
}
