import { countTokens } from "../count-tokens.ts";
import {
  bearerOf,
  type Call,
  type Dialect,
  type Exchange,
  type JsonObject,
  limitOf,
} from "../dialect.ts";
import { textOf, totalInput } from "../plan-answer.ts";
import { readSpeech, readTranscription } from "./audio.ts";
import { readImages } from "./images.ts";
import { openaiChat, readChat } from "./openai-chat.ts";
import { readResponses } from "./openai-responses.ts";

const ERROR_TYPES: Record<number, [type: string, code: string | null]> = {
  400: ["invalid_request_error", null],
  401: ["invalid_request_error", "invalid_api_key"],
  403: ["invalid_request_error", "unsupported_country_region_territory"],
  404: ["invalid_request_error", "model_not_found"],
  429: ["requests", "rate_limit_exceeded"],
};

export const openai: Dialect = {
  name: "openai",
  hasKey: bearerOf,
  read(path, body) {
    if (path === "/v1/chat/completions") return readChat(body, openaiChat);
    if (path === "/v1/responses") return readResponses(body);
    if (path === "/v1/embeddings") return readEmbeddings(body);
    if (path === "/v1/images/generations") return readImages(body, "openai");
    if (path === "/v1/images/edits") return readImages(body, "openai");
    if (path === "/v1/audio/speech") return readSpeech(body);
    if (path === "/v1/audio/transcriptions") return readTranscription(body);
    if (path === "/v1/responses/input_tokens") return readInputTokens(body);
    return null;
  },
  list: (path) => (path === "/v1/models" ? listModels(["gpt-4o-mini", "gpt-5"]) : null),
  error: openaiError,
};

/** An error as OpenAI (and xAI's SDK-compatible endpoints) word it. */
export function openaiError(status: number, message: string): JsonObject {
  const [type, code] = ERROR_TYPES[status] ?? ["server_error", null];
  return { error: { message, type, param: null, code } };
}

/** A list of models as OpenAI (and xAI) answer it. */
export function listModels(ids: string[]): JsonObject {
  return {
    object: "list",
    data: ids.map((id) => ({ id, object: "model", created: 1_700_000_000, owned_by: "fake" })),
  };
}

function readInputTokens(body: JsonObject): Call | string {
  return countTokens(readResponses(body), (input_tokens) => ({
    object: "response.input_tokens",
    input_tokens,
  }));
}

function readEmbeddings(body: JsonObject): Call | string {
  if (typeof body.model !== "string") return "you must provide a model parameter";
  const { input } = body;
  if (typeof input !== "string" && !Array.isArray(input)) return "'input' is a required property";
  const texts = Array.isArray(input) ? input : [input];
  return {
    model: body.model,
    stream: false,
    prompt: textOf(texts),
    messages: 0,
    withoutOutput: true,
    reply: (exchange) => embeddingReply(exchange, texts.length),
  };
}

function embeddingReply({ answer, body, model, behaviour }: Exchange, count: number): JsonObject {
  const dimensions = limitOf(body.dimensions) ?? 8;
  const vector = Array.from({ length: dimensions }, (_, index) => (index + 1) / (dimensions + 1));
  const embedding =
    body.encoding_format === "base64"
      ? Buffer.from(new Float32Array(vector).buffer).toString("base64")
      : vector;
  const tokens = totalInput(answer.classes);
  return {
    object: "list",
    data: Array.from({ length: count }, (_, index) => ({ object: "embedding", index, embedding })),
    model,
    ...(!behaviour.omit_usage && { usage: { prompt_tokens: tokens, total_tokens: tokens } }),
  };
}
