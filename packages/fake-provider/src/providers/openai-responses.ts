import {
  type Call,
  type Exchange,
  type Frame,
  type JsonObject,
  limitOf,
  namedFrame,
} from "../dialect.ts";
import { textOf, totalInput, totalOutput } from "../plan-answer.ts";

/** Reads a request of the Responses API (OpenAI and xAI). */
export function readResponses(body: JsonObject): Call | string {
  if (typeof body.model !== "string") return "Missing required parameter: 'model'.";
  const { input } = body;
  if (typeof input !== "string" && !Array.isArray(input)) {
    return "Missing required parameter: 'input'.";
  }
  const maxTokens = limitOf(body.max_output_tokens);
  return {
    model: body.model,
    stream: body.stream === true,
    prompt: [textOf(body.instructions), textOf(input), textOf(body.tools)]
      .filter(Boolean)
      .join(" "),
    messages: Array.isArray(input) ? input.length : 1,
    ...(maxTokens !== undefined && { maxTokens }),
    reply: finalResponse,
    frames: responseFrames,
  };
}

/** All details are subsets of the totals beside them. */
function usageOf({ answer: { classes } }: Exchange): JsonObject {
  const input = totalInput(classes);
  const output = totalOutput(classes);
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: classes.cache_read,
      ...(classes.cache_write > 0 && { cache_write_tokens: classes.cache_write }),
    },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: classes.reasoning },
    total_tokens: input + output,
  };
}

function finalResponse(exchange: Exchange): JsonObject {
  const { answer, behaviour } = exchange;
  const searches = Array.from({ length: answer.classes.web_search }, (_, index) => ({
    id: `ws_fake_${exchange.id}_${index}`,
    type: "web_search_call",
    status: "completed",
    action: { type: "search", query: "fake" },
  }));
  return {
    ...skeleton(exchange, answer.isCut ? "incomplete" : "completed"),
    incomplete_details: answer.isCut ? { reason: "max_output_tokens" } : null,
    output: [...searches, messageItem(exchange, answer.text, "completed")],
    ...(!behaviour.omit_usage && { usage: usageOf(exchange) }),
  };
}

function responseFrames(exchange: Exchange): Frame[] {
  const { answer, id } = exchange;
  const item_id = `msg_fake_${id}`;
  const at = { item_id, output_index: 0, content_index: 0 };
  let sequence_number = 0;
  const event = (data: JsonObject & { type: string }, isContent = false) =>
    namedFrame({ ...data, sequence_number: sequence_number++ }, isContent);
  const started = { ...skeleton(exchange, "in_progress"), output: [], usage: null };
  return [
    event({ type: "response.created", response: started }),
    event({ type: "response.in_progress", response: started }),
    event({
      type: "response.output_item.added",
      output_index: 0,
      item: { ...messageItem(exchange, "", "in_progress"), content: [] },
    }),
    event({ type: "response.content_part.added", ...at, part: textPart("") }),
    ...answer.pieces.map((delta) =>
      event({ type: "response.output_text.delta", ...at, delta, logprobs: [] }, true),
    ),
    event({ type: "response.output_text.done", ...at, text: answer.text, logprobs: [] }),
    event({ type: "response.content_part.done", ...at, part: textPart(answer.text) }),
    event({
      type: "response.output_item.done",
      output_index: 0,
      item: messageItem(exchange, answer.text, "completed"),
    }),
    event({
      type: answer.isCut ? "response.incomplete" : "response.completed",
      response: finalResponse(exchange),
    }),
  ];
}

function skeleton(exchange: Exchange, status: string): JsonObject {
  return {
    id: `resp_fake_${exchange.id}`,
    object: "response",
    created_at: exchange.now,
    status,
    error: null,
    incomplete_details: null,
    model: exchange.model,
    parallel_tool_calls: true,
    previous_response_id: null,
    service_tier: exchange.behaviour.service_tier ?? "default",
    tool_choice: "auto",
    tools: Array.isArray(exchange.body.tools) ? exchange.body.tools : [],
    metadata: {},
  };
}

function messageItem({ id }: Exchange, text: string, status: string): JsonObject {
  return {
    id: `msg_fake_${id}`,
    type: "message",
    status,
    role: "assistant",
    content: [textPart(text)],
  };
}

function textPart(text: string): JsonObject {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}
