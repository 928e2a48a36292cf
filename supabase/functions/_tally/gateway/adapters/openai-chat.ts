import { createStreamAccumulator } from "../../accumulate-stream.ts";
import { outputLimit } from "../../count-output.ts";
import { TallyError } from "../../errors.ts";
import { normalizeUsage } from "../../normalize-usage.ts";
import { isJsonObject, type JsonObject } from "../../read-body.ts";
import type {
  EndpointAdapter,
  PreparedRequest,
  ReadAnswer,
  RequestPolicy,
  StreamReader,
} from "../adapter.ts";
import { addToJson } from "../add-to-json.ts";

/** `POST /v1/chat/completions`. */
export const openaiChat: EndpointAdapter = {
  path: "/v1/chat/completions",
  upstreamPath: "/chat/completions",
  operation: "chat.completions",
  prepare,
  readAnswer,
  createStreamReader,
};

/** More answers than the API gives to one request. */
const MAX_CHOICES = 128;

function prepare(
  body: Uint8Array<ArrayBuffer>,
  parsed: JsonObject,
  policy: RequestPolicy,
): PreparedRequest {
  if (typeof parsed.model !== "string" || parsed.model.trim() === "") {
    throw invalid("model", "must name a model");
  }
  if (!Array.isArray(parsed.messages) || parsed.messages.length === 0) {
    throw invalid("messages", "must be a list of at least one message");
  }
  const isStream = readFlag(parsed, "stream");
  const choices = readCount(parsed, "n") ?? 1;
  if (choices > MAX_CHOICES) throw invalid("n", `must be at most ${MAX_CHOICES}`);
  const limits = [readCount(parsed, "max_completion_tokens"), readCount(parsed, "max_tokens")]
    .filter((limit) => limit !== undefined);

  const additions: JsonObject = {};
  if (limits.length === 0) {
    // A limit above the model's own would be an error of the provider.
    const most = outputLimit("openai", parsed.model) ?? policy.defaultMaxOutputTokens;
    limits.push(Math.min(policy.defaultMaxOutputTokens, most));
    additions.max_completion_tokens = limits[0];
  }
  const options = isJsonObject(parsed.stream_options) ? parsed.stream_options : {};
  const hidesUsage = isStream && options.include_usage !== true;
  if (hidesUsage) additions.stream_options = { ...options, include_usage: true };

  return {
    model: parsed.model,
    isStream,
    body: addToJson(body, parsed, additions),
    maxOutputTokens: choices * Math.max(...limits),
    outputClasses: Array.isArray(parsed.modalities) && parsed.modalities.includes("audio")
      ? ["output_audio"]
      : [],
    serviceTier: readServiceTier(parsed.service_tier),
    hidesUsage,
  };
}

/** `auto` and `default` are what a project gets anyway; the tier of the answer decides the price. */
function readServiceTier(value: unknown): string | null {
  if (typeof value !== "string" || value === "auto" || value === "default") return null;
  return value;
}

function readFlag(parsed: JsonObject, name: string): boolean {
  const value = parsed[name] ?? false;
  if (typeof value !== "boolean") throw invalid(name, "must be true or false");
  return value;
}

/** A whole number above zero; undefined when absent or null. */
function readCount(parsed: JsonObject, name: string): number | undefined {
  const value = parsed[name] ?? undefined;
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw invalid(name, "must be a whole number above zero");
  }
  return value as number;
}

function invalid(field: string, problem: string): TallyError {
  return new TallyError("PT400", `${field} ${problem}.`, { details: field });
}

function readAnswer(answer: unknown): ReadAnswer {
  const completion = isJsonObject(answer) ? answer : {};
  return {
    model: typeof completion.model === "string" ? completion.model : null,
    usage: normalizeUsage("openai", completion, { api: "chat" }),
    text: choicesOf(completion).map(({ message }) => textOf(message)).join("\n"),
  };
}

function createStreamReader(): StreamReader {
  const accumulator = createStreamAccumulator("openai", { api: "chat" });
  return {
    read(data) {
      const chunk = parseChunk(data);
      if (chunk === null) return { isUsageOnly: false, isLast: data === "[DONE]", text: "" };
      accumulator.push(chunk);
      const choices = choicesOf(chunk);
      return {
        isUsageOnly: isJsonObject(chunk.usage) && choices.length === 0,
        isLast: false,
        text: choices.map(({ delta }) => textOf(delta)).join(""),
      };
    },
    end(isCut) {
      const { usage, model, complete } = accumulator.finish({ aborted: isCut });
      return { usage, model, isComplete: complete };
    },
  };
}

/** Null for `[DONE]` and for whatever is no JSON object. */
function parseChunk(data: string): JsonObject | null {
  if (!data.startsWith("{")) return null;
  try {
    const chunk: unknown = JSON.parse(data);
    return isJsonObject(chunk) ? chunk : null;
  } catch {
    return null;
  }
}

function choicesOf(body: JsonObject): JsonObject[] {
  return Array.isArray(body.choices) ? body.choices.filter(isJsonObject) : [];
}

/** What a message or a delta adds to the answer: words, refusals, visible reasoning, tool calls. */
function textOf(message: unknown): string {
  if (!isJsonObject(message)) return "";
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isJsonObject) : [];
  return [
    message.content,
    message.refusal,
    message.reasoning_content,
    ...calls.flatMap((call) =>
      isJsonObject(call.function) ? [call.function.name, call.function.arguments] : []
    ),
  ].filter((part) => typeof part === "string").join("");
}
