import { asRecord, asText, isRecord, type JsonRecord } from "../normalize/read-values.ts";
import type { NormalizedUsage, NormalizeOptions } from "../normalize/types.ts";
import { normalizeUsage } from "../normalize-usage.ts";
import type { Emit, StreamReader } from "./stream-reader.ts";

/** Types of events that close an answer and carry its whole usage. */
const CLOSING = new RegExp(
  "^(response\\.(completed|incomplete|failed|done)" + // Responses, Realtime
    "|(image_generation|image_edit)\\.completed|speech\\.audio\\.done|transcript\\.text\\.done" +
    "|interaction\\.completed" + // Gemini Interactions
    "|message-end" + // Cohere
    "|finish)$", // AI SDK
);

/**
 * Streams whose last event states the usage of the whole answer: OpenAI Responses, Realtime,
 * images, speech and transcription, Gemini Interactions, Bedrock Converse, Cohere, the AI SDK.
 */
export function createFinalEventStream(
  provider: string,
  options: NormalizeOptions,
  emit: Emit,
): StreamReader {
  let usage: NormalizedUsage | null = null;
  let model: string | null = null;
  let isTerminal = false;

  return {
    push(event) {
      const type = asText(event["type"] ?? event["event_type"]) ?? "";
      model = statedModel(event) ?? model;
      emitDelta(type, event, emit);
      // Read at once, so that the response with its text is not kept.
      const isClosing = CLOSING.test(type) || (type === "" && isRecord(event["metadata"]));
      if (isClosing) usage = normalizeUsage(provider, event, options) ?? usage;
      const partial = asRecord(event["metadata"])["total_usage"]; // Interactions
      if (!isTerminal && isRecord(partial)) usage = normalizeUsage(provider, partial) ?? usage;
      isTerminal ||= isClosing;
    },
    finish() {
      const record = usage === null ? null : { ...usage, model: usage.model ?? model };
      return { usage: record, isTerminal, isFinal: isTerminal, model };
    },
  };
}

function statedModel(event: JsonRecord): string | null {
  const { response, interaction, model } = event;
  const carrier = isRecord(response) ? response : asRecord(interaction);
  return asText(carrier["model"]) ?? asText(carrier["modelId"]) ?? asText(model) ??
    asText(event["modelId"]);
}

/** Text deltas; audio and images come as base64, which is no measure of tokens. */
function emitDelta(type: string, event: JsonRecord, emit: Emit): void {
  const delta = event["delta"];
  if (typeof delta === "string" && !/audio\.delta$/.test(type)) emit(delta);
  if (type === "text-delta" || type === "reasoning-delta") emit(event["text"]);
  const part = asRecord(delta);
  emit(part["text"]); // Interactions
  emit(part["arguments"]);
  const block = asRecord(asRecord(event["contentBlockDelta"])["delta"]); // Bedrock
  emit(block["text"]);
  emit(asRecord(block["reasoningContent"])["text"]);
  emit(asRecord(block["toolUse"])["input"]);
  const message = asRecord(part["message"]); // Cohere
  const content = asRecord(message["content"]);
  emit(content["text"]);
  emit(content["thinking"]);
  emit(message["tool_plan"]);
  emit(asRecord(asRecord(message["tool_calls"])["function"])["arguments"]);
}
