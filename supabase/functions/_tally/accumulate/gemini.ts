import { asArray, asRecord, asText, isRecord, type JsonRecord } from "../normalize/read-values.ts";
import { normalizeUsage } from "../normalize-usage.ts";
import type { Emit, StreamReader } from "./stream-reader.ts";

/** Gemini generateContent chunks: each has the counts so far, the last ones are the answer's. */
export function createGeminiStream(provider: string, emit: Emit): StreamReader {
  let usage: JsonRecord | null = null;
  let model: string | null = null;
  let isTerminal = false;
  const grounding = new Map<unknown, unknown>();

  return {
    push(event) {
      const chunk = isRecord(event["response"]) ? event["response"] : event;
      model = asText(chunk["modelVersion"]) ?? model;
      if (isRecord(chunk["usageMetadata"])) usage = chunk["usageMetadata"];
      for (const candidate of asArray(chunk["candidates"]).filter(isRecord)) {
        isTerminal ||= asText(candidate["finishReason"]) !== null;
        emitParts(candidate, emit);
        const queries = asRecord(candidate["groundingMetadata"])["webSearchQueries"];
        if (Array.isArray(queries)) {
          // Which were empty is all that is kept of them.
          grounding.set(candidate["index"] ?? 0, queries.map((query) => query === "" ? "" : "…"));
        }
      }
      isTerminal ||= asText(asRecord(chunk["promptFeedback"])["blockReason"]) !== null;
    },
    finish() {
      const candidates = [...grounding.values()].map((webSearchQueries) => ({
        groundingMetadata: { webSearchQueries },
      }));
      const response = { modelVersion: model, candidates, usageMetadata: usage };
      const record = usage === null ? null : normalizeUsage(provider, response);
      return { usage: record, isTerminal, isFinal: record !== null, model };
    },
  };
}

function emitParts(candidate: JsonRecord, emit: Emit): void {
  for (const part of asArray(asRecord(candidate["content"])["parts"]).map(asRecord)) {
    emit(part["text"]);
    emit(asRecord(part["executableCode"])["code"]);
    const call = part["functionCall"];
    if (isRecord(call)) emit(JSON.stringify(call));
  }
}
