import { asRecord, asText, isRecord, type JsonRecord } from "../normalize/read-values.ts";
import { normalizeUsage } from "../normalize-usage.ts";
import type { Emit, StreamReader } from "./stream-reader.ts";

/**
 * Anthropic Messages events. `message_start` states the input and a first output count; every
 * `message_delta` states cumulative counts, which replace what was known and are never added.
 */
export function createAnthropicStream(provider: string, emit: Emit): StreamReader {
  const usage: { [name: string]: unknown } = {};
  let model: string | null = null;
  let isStated = false;
  let isFinal = false;
  let isTerminal = false;

  function merge(stated: unknown): void {
    if (!isRecord(stated)) return;
    isStated = true;
    for (const [name, value] of Object.entries(stated)) {
      // Gateways send zeros where they know no better: a count never falls back to zero.
      const isLoss = value === 0 && typeof usage[name] === "number";
      if (value !== null && value !== undefined && !isLoss) usage[name] = value;
    }
  }

  return {
    push(event) {
      const message = asRecord(event["message"]);
      model = asText(message["model"]) ?? model;
      merge(message["usage"]);
      if (event["type"] === "message_delta") {
        merge(event["usage"]);
        isFinal ||= isRecord(event["usage"]);
        isTerminal ||= isFinal && asText(asRecord(event["delta"])["stop_reason"]) !== null;
      }
      isTerminal ||= event["type"] === "message_stop";
      emitDelta(asRecord(event["delta"]), emit);
      emitBlock(asRecord(event["content_block"]), emit);
    },
    finish() {
      const response = { type: "message", model, usage };
      const record = isStated ? normalizeUsage(provider, response, { api: "messages" }) : null;
      return { usage: record, isTerminal: isTerminal && isFinal, isFinal, model };
    },
  };
}

function emitDelta(delta: JsonRecord, emit: Emit): void {
  emit(delta["text"]);
  emit(delta["thinking"]);
  emit(delta["partial_json"]);
}

/** Blocks open empty, except that tool calls already have their name. */
function emitBlock(block: JsonRecord, emit: Emit): void {
  emit(block["text"]);
  emit(block["thinking"]);
  emit(block["name"]);
}
