/** One request to the gateway as it arrived. */
export interface SeenCall {
  path: string;
  headers: Headers;
  body: Record<string, unknown>;
  signal: AbortSignal | null | undefined;
}

/** The gateway behind a `fetch` of its own: four providers that answer "Hello there." */
export function fakeGateway() {
  const seen: SeenCall[] = [];
  let override: (() => Response | Promise<Response>) | undefined;
  const gateway = {
    seen,
    quotas: [] as object[],
    /** Leaves out what calls cost, everywhere. */
    costless: false,
    /** Answers the next calls so. */
    answer: (answer: () => Response | Promise<Response>) => {
      override = answer;
    },
    stream: (frames: object[]) => {
      const text = frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join("");
      const headers = { "content-type": "text/event-stream", ...tallyHeaders(true) };
      return new Response(`${text}data: [DONE]\n\n`, { headers });
    },
    fetch: (async (input, init) => {
      const { pathname, search } = new URL(String(input));
      const cost_usd = gateway.costless ? null : 0.00042;
      if (pathname.endsWith("/rpc/usage_event")) return Response.json([{ cost_usd }]);
      if (pathname.endsWith("/rpc/quota_status")) return Response.json(gateway.quotas);
      const headers = new Headers(init?.headers);
      const body = JSON.parse(String(init?.body));
      seen.push({ path: pathname, headers, body, signal: init?.signal });
      const answering = Promise.resolve(override ? override() : answer(pathname, search, body));
      return abortable(answering, init?.signal);
    }) as typeof fetch,
  };
  const tallyHeaders = (isStream: boolean): Record<string, string> => ({
    "x-tally-usage-id": "usage-1",
    ...(!isStream && !gateway.costless && { "x-tally-cost-usd": "0.00042" }),
  });
  const answer = (path: string, search: string, body: Record<string, unknown>) => {
    const [, provider = ""] = /gateway\/(\w+)\//.exec(path) ?? [];
    const [, named = String(body.model)] = /models\/([^:]+):/.exec(path) ?? [];
    const model = `${named}-served`;
    const isStream = body.stream === true || search === "?alt=sse";
    const wire = provider === "xai" ? "openai" : provider;
    if (isStream) return gateway.stream(frames[wire]?.(model) ?? []);
    return Response.json(whole[wire]?.(model), { headers: tallyHeaders(false) });
  };
  return gateway;
}

/** The gateway of a test. */
export type FakeGateway = ReturnType<typeof fakeGateway>;

function abortable<T>(work: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason));
    if (signal?.aborted) reject(signal.reason);
    work.then(resolve, reject);
  });
}

const chatUsage = { prompt_tokens: 20, completion_tokens: 30, total_tokens: 50 };
const googleUsage = { promptTokenCount: 20, candidatesTokenCount: 30, totalTokenCount: 50 };
const googleText = (text: string) => ({ content: { role: "model", parts: [{ text }] } });

const whole: Record<string, (model: string) => object> = {
  openai: (model) => ({
    object: "chat.completion",
    model,
    choices: [{ index: 0, message: { role: "assistant", content: "Hello there." } }],
    usage: chatUsage,
  }),
  anthropic: (model) => ({
    type: "message",
    model,
    content: [
      { type: "thinking", thinking: "Hm." },
      { type: "text", text: "Hello there." },
    ],
    usage: { input_tokens: 20, output_tokens: 30 },
  }),
  google: (model) => ({
    candidates: [
      {
        content: {
          role: "model",
          parts: [{ text: "Hm.", thought: true }, { text: "Hello there." }],
        },
      },
    ],
    usageMetadata: googleUsage,
    modelVersion: model,
  }),
};

const frames: Record<string, (model: string) => object[]> = {
  openai: (model) => [
    { model, choices: [{ delta: { content: "Hello " } }] },
    { model, choices: [{ delta: { content: "there." }, finish_reason: "stop" }] },
    { model, choices: [], usage: chatUsage },
  ],
  anthropic: (model) => [
    { type: "message_start", message: { model, usage: { input_tokens: 20, output_tokens: 1 } } },
    { type: "content_block_delta", delta: { type: "text_delta", text: "Hello " } },
    { type: "content_block_delta", delta: { type: "text_delta", text: "there." } },
    { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 30 } },
    { type: "message_stop" },
  ],
  google: (modelVersion) => [
    { candidates: [googleText("Hello ")], modelVersion },
    {
      candidates: [{ ...googleText("there."), finishReason: "STOP" }],
      usageMetadata: googleUsage,
      modelVersion,
    },
  ],
};
