/** Answers as the providers write them, each worth the tokens its name says. */
export const anthropicMessage = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude-sonnet-4-5-20250929",
  content: [{ type: "text", text: "Hello" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 20, cache_read_input_tokens: 100, output_tokens: 30 },
};

export const openaiCompletion = {
  id: "chatcmpl-1",
  object: "chat.completion",
  model: "gpt-4o-2024-08-06",
  choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 120, completion_tokens: 30, total_tokens: 150 },
};

const chunk = (content: string, finish_reason: string | null = null) => ({
  object: "chat.completion.chunk",
  model: "gpt-4o-2024-08-06",
  choices: [{ index: 0, delta: { content }, finish_reason }],
  usage: null,
});

/** A streamed completion: three pieces of text, then its usage. */
export const openaiChunks = [
  chunk("One "),
  chunk("two "),
  chunk("three.", "stop"),
  { ...chunk(""), choices: [], usage: openaiCompletion.usage },
];

/** The same as it comes over the wire. */
export const openaiEventStream = [
  ...openaiChunks.map((event) => `data: ${JSON.stringify(event)}\n\n`),
  "data: [DONE]\n\n",
];

export const anthropicEvents = [
  {
    type: "message_start",
    message: {
      ...anthropicMessage,
      content: [],
      usage: { ...anthropicMessage.usage, output_tokens: 1 },
    },
  },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hello there." } },
  { type: "content_block_stop", index: 0 },
  { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 30 } },
  { type: "message_stop" },
];

/** A generator that hands out values and tells what became of it. */
export function sourceOf<T>(values: readonly T[], breakAt = values.length) {
  const state = { given: 0, isClosed: false };
  async function* generate(): AsyncGenerator<T, void, undefined> {
    try {
      for (const [index, value] of values.entries()) {
        if (index === breakAt) throw new Error("connection lost");
        state.given++;
        yield value;
      }
    } finally {
      state.isClosed = true;
    }
  }
  return { stream: generate(), state };
}
