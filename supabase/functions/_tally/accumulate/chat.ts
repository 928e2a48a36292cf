import { asArray, asRecord, asText, isRecord, type JsonRecord } from "../normalize/read-values.ts";
import type { NormalizeOptions } from "../normalize/types.ts";
import { normalizeUsage } from "../normalize-usage.ts";
import type { Emit, StreamReader } from "./stream-reader.ts";

/**
 * Chat Completions chunks of OpenAI and of all who speak its format. OpenAI sends usage once, in a
 * last chunk without choices; xAI and others send a growing one with every chunk: the last counts.
 */
export function createChatStream(
  provider: string,
  options: NormalizeOptions,
  emit: Emit,
): StreamReader {
  let usage: JsonRecord | null = null;
  let model: string | null = null;
  let tier: unknown = null;
  let isUsageAlone = false;
  const open = new Set<unknown>();
  const closed = new Set<unknown>();

  return {
    push(chunk) {
      model = asText(chunk["model"]) ?? model;
      tier = chunk["service_tier"] ?? tier;
      const choices = asArray(chunk["choices"]).filter(isRecord);
      for (const choice of choices) {
        emitDelta(choice, emit);
        const index = choice["index"] ?? 0;
        if (asText(choice["finish_reason"]) === null) open.add(index);
        else closed.add(index);
      }
      const stated = chunk["usage"] ?? asRecord(chunk["x_groq"])["usage"];
      if (isRecord(stated)) {
        usage = stated;
        isUsageAlone = choices.length === 0;
      }
    },
    finish() {
      const response = { model, service_tier: tier, usage };
      const record = usage === null ? null : normalizeUsage(provider, response, options);
      const isClosed = closed.size > 0 && [...open].every((index) => closed.has(index));
      const isTerminal = isClosed || isUsageAlone;
      return { usage: record, isTerminal, isFinal: record !== null, model };
    },
  };
}

function emitDelta(choice: JsonRecord, emit: Emit): void {
  const delta = asRecord(choice["delta"]);
  emit(choice["text"]); // legacy completions
  emit(delta["content"]);
  for (const part of asArray(delta["content"])) emit(asRecord(part)["text"]); // Mistral
  emit(delta["refusal"]);
  emit(delta["reasoning_content"] ?? delta["reasoning"]);
  emit(asRecord(delta["audio"])["transcript"]);
  for (const call of [...asArray(delta["tool_calls"]), { function: delta["function_call"] }]) {
    const called = asRecord(asRecord(call)["function"]);
    emit(called["name"]);
    emit(called["arguments"]);
  }
}
