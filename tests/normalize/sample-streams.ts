/** Streams as the providers send them, each with the same answer in one piece. */
export interface SampleStream {
  name: string;
  provider: string;
  events: unknown[];
  /** What the same call would have answered without streaming. */
  response: unknown;
  /** Text, reasoning and tool arguments that the events emit. */
  text: string;
  /** How the stream ends after its last event. */
  done?: string;
  /** Index of the event that closes the answer; the last one unless said. */
  closes?: number;
}

const chunk = (choices: unknown[], rest: object = {}) => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1_790_000_000,
  model: "gpt-5.4",
  service_tier: "default",
  choices,
  ...rest,
});
const delta = (content: object, finish_reason: string | null = null, index = 0) => ({
  index,
  delta: content,
  finish_reason,
});
const chatUsage = {
  prompt_tokens: 50,
  completion_tokens: 21,
  total_tokens: 71,
  prompt_tokens_details: { cached_tokens: 16 },
  completion_tokens_details: { reasoning_tokens: 9 },
};

const openaiChat: SampleStream = {
  name: "openai chat",
  provider: "openai",
  events: [
    chunk([delta({ role: "assistant", content: "" })], { usage: null }),
    chunk([delta({ content: "Grüße 👋" })], { usage: null }),
    chunk([delta({ tool_calls: [{ index: 0, function: { name: "add", arguments: "" } }] })]),
    chunk([delta({ tool_calls: [{ index: 0, function: { arguments: '{"a":1}' } }] })]),
    chunk([delta({}, "tool_calls")], { usage: null }),
    chunk([], { usage: chatUsage }),
  ],
  response: { model: "gpt-5.4", service_tier: "default", usage: chatUsage },
  text: 'Grüße 👋add{"a":1}',
  done: "[DONE]",
};

const xaiUsage = (completion: number, reasoning: number) => ({
  prompt_tokens: 30,
  completion_tokens: completion,
  total_tokens: 30 + completion + reasoning,
  completion_tokens_details: { reasoning_tokens: reasoning },
  cost_in_usd_ticks: 1000 * (completion + reasoning),
});

const xaiChat: SampleStream = {
  name: "xai chat, usage growing with every chunk",
  provider: "xai",
  events: [
    chunk([delta({ reasoning_content: "hm" })], { model: "grok-4.3", usage: xaiUsage(0, 4) }),
    chunk([delta({ content: "yes" })], { model: "grok-4.3", usage: xaiUsage(1, 9) }),
    chunk([delta({ content: "!" }, "stop")], { model: "grok-4.3", usage: xaiUsage(2, 9) }),
  ],
  response: { model: "grok-4.3", service_tier: "default", usage: xaiUsage(2, 9) },
  text: "hmyes!",
  done: "[DONE]",
};

const groqChat: SampleStream = {
  name: "groq chat, usage in its own field",
  provider: "groq",
  events: [
    { object: "chat.completion.chunk", model: "m", choices: [delta({ content: "a" })], x_groq: {} },
    {
      object: "chat.completion.chunk",
      model: "m",
      choices: [delta({}, "stop")],
      x_groq: { id: "r", usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 } },
    },
  ],
  response: { model: "m", usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 } },
  text: "a",
  done: "[DONE]",
};

const completed = {
  id: "resp_1",
  object: "response",
  status: "completed",
  model: "gpt-6-sol",
  service_tier: "priority",
  output: [{ type: "web_search_call", status: "completed", action: { type: "search" } }],
  usage: {
    input_tokens: 900,
    input_tokens_details: { cached_tokens: 100, cache_write_tokens: 700 },
    output_tokens: 44,
    output_tokens_details: { reasoning_tokens: 30 },
    total_tokens: 944,
  },
};

const openaiResponses: SampleStream = {
  name: "openai responses",
  provider: "openai",
  events: [
    {
      type: "response.created",
      response: { model: "gpt-6-sol", status: "in_progress", usage: null },
    },
    { type: "response.reasoning_summary_text.delta", delta: "Think" },
    { type: "response.output_text.delta", delta: "Hello" },
    { type: "response.function_call_arguments.delta", delta: "{}" },
    { type: "response.output_text.done", text: "Hello" },
    { type: "response.completed", response: completed },
  ],
  response: completed,
  text: "ThinkHello{}",
};

const started = {
  type: "message",
  model: "claude-sonnet-4-6",
  usage: {
    input_tokens: 25,
    cache_creation_input_tokens: 300,
    cache_read_input_tokens: 1000,
    cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
    output_tokens: 1,
    service_tier: "standard",
    inference_geo: "us",
  },
};

const anthropicMessages: SampleStream = {
  name: "anthropic messages, several cumulative deltas",
  provider: "anthropic",
  events: [
    { type: "message_start", message: started },
    { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "" } },
    { type: "ping" },
    { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "So" } },
    { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "x" } },
    { type: "content_block_stop", index: 0 },
    { type: "content_block_start", index: 1, content_block: { type: "tool_use", name: "f" } },
    {
      type: "content_block_delta",
      index: 1,
      delta: { type: "input_json_delta", partial_json: "{}" },
    },
    { type: "message_delta", delta: { stop_reason: null }, usage: { output_tokens: 12 } },
    { type: "content_block_delta", index: 2, delta: { type: "text_delta", text: "é" } },
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn" },
      usage: {
        input_tokens: 4025,
        cache_creation_input_tokens: null,
        cache_read_input_tokens: 0,
        output_tokens: 89,
        output_tokens_details: { thinking_tokens: 40 },
        server_tool_use: { web_search_requests: 1 },
      },
    },
    { type: "message_stop" },
  ],
  response: {
    ...started,
    usage: {
      ...started.usage,
      input_tokens: 4025,
      output_tokens: 89,
      output_tokens_details: { thinking_tokens: 40 },
      server_tool_use: { web_search_requests: 1 },
    },
  },
  text: "Sof{}é",
  closes: 10,
};

const geminiUsage = {
  promptTokenCount: 40,
  cachedContentTokenCount: 8,
  candidatesTokenCount: 12,
  thoughtsTokenCount: 30,
  totalTokenCount: 82,
};

const gemini: SampleStream = {
  name: "gemini generateContent",
  provider: "google",
  events: [
    {
      candidates: [{ content: { parts: [{ text: "Think", thought: true }] }, index: 0 }],
      usageMetadata: { promptTokenCount: 40, thoughtsTokenCount: 30, totalTokenCount: 70 },
      modelVersion: "gemini-3-pro-preview",
    },
    {
      candidates: [
        {
          content: { parts: [{ text: "日本" }] },
          index: 0,
          groundingMetadata: { webSearchQueries: ["a", "b"] },
        },
      ],
      usageMetadata: { promptTokenCount: 40, candidatesTokenCount: 2, totalTokenCount: 72 },
      modelVersion: "gemini-3-pro-preview",
    },
    {
      candidates: [{ content: { parts: [{ text: "語" }] }, finishReason: "STOP", index: 0 }],
      usageMetadata: geminiUsage,
      modelVersion: "gemini-3-pro-preview",
    },
  ],
  response: {
    candidates: [{ groundingMetadata: { webSearchQueries: ["a", "b"] }, finishReason: "STOP" }],
    usageMetadata: geminiUsage,
    modelVersion: "gemini-3-pro-preview",
  },
  text: "Think日本語",
};

const interaction = {
  id: "i",
  object: "interaction",
  model: "gemini-3-pro-preview",
  status: "completed",
  usage: {
    total_input_tokens: 9,
    total_output_tokens: 5,
    total_thought_tokens: 7,
    total_tokens: 21,
  },
};

const interactions: SampleStream = {
  name: "gemini interactions",
  provider: "google",
  events: [
    { event_type: "interaction.created", interaction: { model: "gemini-3-pro-preview" } },
    {
      event_type: "step.delta",
      index: 0,
      delta: { type: "text", text: "ok" },
      metadata: {
        total_usage: { total_input_tokens: 9, total_output_tokens: 1, total_tokens: 10 },
      },
    },
    { event_type: "interaction.completed", interaction },
  ],
  response: interaction,
  text: "ok",
};

const bedrock: SampleStream = {
  name: "bedrock converse",
  provider: "amazon-bedrock",
  events: [
    { messageStart: { role: "assistant" } },
    { contentBlockDelta: { delta: { text: "Hi" }, contentBlockIndex: 0 } },
    { contentBlockDelta: { delta: { reasoningContent: { text: "why" } }, contentBlockIndex: 1 } },
    { contentBlockDelta: { delta: { toolUse: { input: "{}" } }, contentBlockIndex: 2 } },
    { messageStop: { stopReason: "end_turn" } },
    {
      metadata: {
        usage: { inputTokens: 5, outputTokens: 9, totalTokens: 24, cacheReadInputTokens: 10 },
        metrics: { latencyMs: 1 },
      },
    },
  ],
  response: {
    stopReason: "end_turn",
    usage: { inputTokens: 5, outputTokens: 9, totalTokens: 24, cacheReadInputTokens: 10 },
  },
  text: "Hiwhy{}",
};

const cohere: SampleStream = {
  name: "cohere chat",
  provider: "cohere",
  events: [
    { type: "message-start", id: "c", delta: { message: { role: "assistant" } } },
    { type: "content-delta", index: 0, delta: { message: { content: { text: "Hi" } } } },
    { type: "tool-plan-delta", delta: { message: { tool_plan: "plan" } } },
    {
      type: "tool-call-delta",
      delta: { message: { tool_calls: { function: { arguments: "{}" } } } },
    },
    {
      type: "message-end",
      delta: {
        finish_reason: "COMPLETE",
        usage: { billed_units: { input_tokens: 3, output_tokens: 4 } },
      },
    },
  ],
  response: { usage: { billed_units: { input_tokens: 3, output_tokens: 4 } } },
  text: "Hiplan{}",
};

const sdkUsage = {
  inputTokens: { total: 30, noCache: 10, cacheRead: 20, cacheWrite: 0 },
  outputTokens: { total: 8, text: 5, reasoning: 3 },
};

const aiSdk: SampleStream = {
  name: "ai sdk, provider level",
  provider: "openai.responses",
  events: [
    { type: "stream-start", warnings: [] },
    { type: "response-metadata", id: "r", modelId: "gpt-5.4" },
    { type: "reasoning-delta", id: "0", delta: "hm" },
    { type: "text-delta", id: "1", delta: "yes" },
    { type: "finish", finishReason: { unified: "stop" }, usage: sdkUsage },
  ],
  response: { usage: sdkUsage, response: { modelId: "gpt-5.4" } },
  text: "hmyes",
};

const image: SampleStream = {
  name: "openai images",
  provider: "openai",
  events: [
    { type: "image_generation.partial_image", b64_json: "AAAA", partial_image_index: 0 },
    {
      type: "image_generation.completed",
      b64_json: "AAAA",
      usage: {
        input_tokens: 50,
        output_tokens: 4160,
        total_tokens: 4210,
        input_tokens_details: { text_tokens: 50, image_tokens: 0 },
      },
    },
  ],
  response: {
    data: [{ b64_json: "AAAA" }],
    usage: {
      input_tokens: 50,
      output_tokens: 4160,
      total_tokens: 4210,
      input_tokens_details: { text_tokens: 50, image_tokens: 0 },
    },
  },
  text: "",
};

export const sampleStreams: SampleStream[] = [
  openaiChat,
  xaiChat,
  groqChat,
  openaiResponses,
  anthropicMessages,
  gemini,
  interactions,
  bedrock,
  cohere,
  aiSdk,
  image,
];

/** The stream as it goes over the wire. */
export function toEventStream({ events, done }: SampleStream, lineEnd = "\n"): string {
  const frames = events.map((event) => {
    const type = (event as { type?: string }).type;
    const name = type === undefined ? "" : `event: ${type}${lineEnd}`;
    return `${name}data: ${JSON.stringify(event)}${lineEnd}${lineEnd}`;
  });
  return frames.join("") + (done === undefined ? "" : `data: ${done}${lineEnd}${lineEnd}`);
}
