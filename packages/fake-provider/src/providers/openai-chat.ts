import {
  type Call,
  dataFrame,
  type Exchange,
  type Frame,
  type JsonObject,
  limitOf,
  objectAt,
} from "../dialect.ts";
import { textOf, totalInput, totalOutput } from "../plan-answer.ts";

/** How a provider that took over OpenAI's chat format differs from it. */
export interface ChatVariant {
  idPrefix: string;
  usage(exchange: Exchange): JsonObject;
  /** Whether a stream ends with a usage chunk although nobody asked for one. */
  alwaysStreamsUsage: boolean;
}

export const openaiChat: ChatVariant = {
  idPrefix: "chatcmpl",
  alwaysStreamsUsage: false,
  /** Cached, cache-write and audio tokens are inside prompt; reasoning and audio inside completion. */
  usage({ answer: { classes } }) {
    const prompt = totalInput(classes);
    const completion = totalOutput(classes);
    return {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
      prompt_tokens_details: {
        cached_tokens: classes.cache_read,
        ...(classes.cache_write > 0 && { cache_write_tokens: classes.cache_write }),
        audio_tokens: classes.input_audio,
      },
      completion_tokens_details: {
        reasoning_tokens: classes.reasoning,
        audio_tokens: classes.output_audio,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    };
  },
};

/** Reads a chat completion request, for OpenAI and everyone who copied the format. */
export function readChat(body: JsonObject, variant: ChatVariant): Call | string {
  if (typeof body.model !== "string") return "you must provide a model parameter";
  if (!Array.isArray(body.messages) || body.messages.length === 0) {
    return "Missing required parameter: 'messages'.";
  }
  const maxTokens = limitOf(body.max_completion_tokens, body.max_tokens);
  return {
    model: body.model,
    stream: body.stream === true,
    prompt: [textOf(body.messages), textOf(body.tools)].filter(Boolean).join(" "),
    messages: body.messages.length,
    ...(maxTokens !== undefined && { maxTokens }),
    reply: (exchange) => chatReply(exchange, variant),
    frames: (exchange) => chatFrames(exchange, variant),
  };
}

function chatReply(exchange: Exchange, variant: ChatVariant): JsonObject {
  const { answer, behaviour } = exchange;
  const call = toolCallOf(exchange);
  return {
    ...envelope(exchange, variant, "chat.completion"),
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: call ? null : answer.text,
          ...(call && { tool_calls: [call] }),
          refusal: null,
          annotations: [],
        },
        logprobs: null,
        finish_reason: finishReason(exchange, call !== undefined),
      },
    ],
    ...(!behaviour.omit_usage && { usage: variant.usage(exchange) }),
    service_tier: behaviour.service_tier ?? "default",
    system_fingerprint: null,
  };
}

function chatFrames(exchange: Exchange, variant: ChatVariant): Frame[] {
  const { answer, behaviour, body } = exchange;
  const isAsked = objectAt(body, "stream_options").include_usage === true;
  const base = {
    ...envelope(exchange, variant, "chat.completion.chunk"),
    service_tier: behaviour.service_tier ?? "default",
    system_fingerprint: null,
  };
  // OpenAI adds `usage: null` to every chunk of a stream for which usage was asked.
  const pending = isAsked ? { usage: null } : {};
  const chunk = (delta: JsonObject, finish_reason: string | null, isContent = false) =>
    dataFrame(
      { ...base, choices: [{ index: 0, delta, logprobs: null, finish_reason }], ...pending },
      isContent,
    );

  const call = toolCallOf(exchange);
  const content = call
    ? [chunk({ tool_calls: [{ index: 0, ...call }] }, null, true)]
    : answer.pieces.map((piece) => chunk({ content: piece }, null, true));
  const frames = [
    chunk({ role: "assistant", content: call ? null : "", refusal: null }, null),
    ...content,
    chunk({}, finishReason(exchange, call !== undefined)),
  ];
  if ((isAsked || variant.alwaysStreamsUsage) && !behaviour.omit_usage) {
    frames.push(dataFrame({ ...base, choices: [], usage: variant.usage(exchange) }));
  }
  return [...frames, dataFrame("[DONE]")];
}

function envelope(exchange: Exchange, variant: ChatVariant, object: string): JsonObject {
  return {
    id: `${variant.idPrefix}-fake-${exchange.id}`,
    object,
    created: exchange.now,
    model: exchange.model,
  };
}

function finishReason({ answer }: Exchange, isToolCall: boolean): string {
  if (isToolCall) return "tool_calls";
  return answer.isCut ? "length" : "stop";
}

function toolCallOf({ id, body, behaviour }: Exchange): JsonObject | undefined {
  if (!behaviour.tool_call || !Array.isArray(body.tools)) return undefined;
  const tool = objectAt((body.tools[0] ?? {}) as JsonObject, "function");
  return {
    id: `call_fake_${id}`,
    type: "function",
    function: { name: String(tool.name ?? "tool"), arguments: "{}" },
  };
}
