import { countTokens } from "../count-tokens.ts";
import {
  bearerOf,
  type Call,
  type Dialect,
  type Exchange,
  type Frame,
  type JsonObject,
  limitOf,
  namedFrame,
} from "../dialect.ts";
import { textOf } from "../plan-answer.ts";

const ERROR_TYPES: Record<number, string> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  529: "overloaded_error",
};

export const anthropic: Dialect = {
  name: "anthropic",
  hasKey: (headers) => headers["x-api-key"] !== undefined || bearerOf(headers),
  read(path, body) {
    if (path === "/v1/messages") return readMessages(body);
    if (path === "/v1/messages/count_tokens") return readCount(body);
    return null;
  },
  list: (path) =>
    path === "/v1/models"
      ? {
          data: [{ type: "model", id: "claude-sonnet-4-5", display_name: "Claude Sonnet 4.5" }],
          has_more: false,
          first_id: "claude-sonnet-4-5",
          last_id: "claude-sonnet-4-5",
        }
      : null,
  error(status, message) {
    return {
      type: "error",
      error: { type: ERROR_TYPES[status] ?? "api_error", message },
      request_id: null,
    };
  },
};

function readMessages(body: JsonObject): Call | string {
  const call = readPrompt(body);
  if (typeof call === "string") return call;
  const maxTokens = limitOf(body.max_tokens);
  if (maxTokens === undefined) return "max_tokens: Field required";
  return {
    ...call,
    stream: body.stream === true,
    maxTokens,
    reply: (exchange) => ({
      ...message(exchange),
      content: content(exchange),
      stop_reason: stopReason(exchange),
      ...(!exchange.behaviour.omit_usage && { usage: usageOf(exchange) }),
    }),
    frames: messageFrames,
  };
}

function readCount(body: JsonObject): Call | string {
  return countTokens(readPrompt(body), (input_tokens) => ({ input_tokens }));
}

function readPrompt(body: JsonObject) {
  if (typeof body.model !== "string") return "model: Field required";
  if (!Array.isArray(body.messages) || body.messages.length === 0) {
    return "messages: Field required";
  }
  return {
    model: body.model,
    prompt: [textOf(body.system), textOf(body.messages), textOf(body.tools)]
      .filter(Boolean)
      .join(" "),
    messages: body.messages.length,
  };
}

/** input_tokens excludes what was read from and written to the cache; thinking is inside output. */
function usageOf({ answer: { classes }, behaviour }: Exchange): JsonObject {
  return {
    ...inputUsage(classes),
    output_tokens: classes.output + classes.reasoning,
    ...(classes.reasoning > 0 && {
      output_tokens_details: { thinking_tokens: classes.reasoning },
    }),
    server_tool_use:
      classes.web_search > 0
        ? { web_search_requests: classes.web_search, web_fetch_requests: 0 }
        : null,
    service_tier: behaviour.service_tier ?? "standard",
  };
}

function inputUsage(classes: Exchange["answer"]["classes"]): JsonObject {
  return {
    input_tokens: classes.input + classes.input_audio,
    cache_creation_input_tokens: classes.cache_write + classes.cache_write_1h,
    cache_read_input_tokens: classes.cache_read,
    cache_creation: {
      ephemeral_5m_input_tokens: classes.cache_write,
      ephemeral_1h_input_tokens: classes.cache_write_1h,
    },
  };
}

function messageFrames(exchange: Exchange): Frame[] {
  const { answer, behaviour } = exchange;
  const isTool = content(exchange)[0]?.type === "tool_use";
  const start = isTool ? { ...content(exchange)[0], input: {} } : { type: "text", text: "" };
  const deltas = isTool
    ? [{ type: "input_json_delta", partial_json: "{}" }]
    : answer.pieces.map((text) => ({ type: "text_delta", text }));
  const usage = usageOf(exchange);
  return [
    namedFrame({
      type: "message_start",
      message: {
        ...message(exchange),
        content: [],
        stop_reason: null,
        ...(!behaviour.omit_usage && { usage: { ...usage, output_tokens: 1 } }),
      },
    }),
    namedFrame({ type: "content_block_start", index: 0, content_block: start }),
    namedFrame({ type: "ping" }),
    ...deltas.map((delta) => namedFrame({ type: "content_block_delta", index: 0, delta }, true)),
    namedFrame({ type: "content_block_stop", index: 0 }),
    namedFrame({
      type: "message_delta",
      delta: { stop_reason: stopReason(exchange), stop_sequence: null },
      // Cumulative: it replaces what message_start said.
      ...(!behaviour.omit_usage && { usage }),
    }),
    namedFrame({ type: "message_stop" }),
  ];
}

function message(exchange: Exchange): JsonObject {
  return {
    id: `msg_fake_${exchange.id}`,
    type: "message",
    role: "assistant",
    model: exchange.model,
    stop_sequence: null,
  };
}

function content({ id, answer, behaviour, body }: Exchange): JsonObject[] {
  const tool = Array.isArray(body.tools) ? (body.tools[0] as JsonObject | undefined) : undefined;
  if (behaviour.tool_call && tool) {
    return [{ type: "tool_use", id: `toolu_fake_${id}`, name: tool.name, input: {} }];
  }
  return [{ type: "text", text: answer.text, citations: null }];
}

function stopReason(exchange: Exchange): string {
  if (content(exchange)[0]?.type === "tool_use") return "tool_use";
  return exchange.answer.isCut ? "max_tokens" : "end_turn";
}
