import { outputLimit } from "../../count-output.ts";
import { normalizeUsage } from "../../normalize-usage.ts";
import { isJsonObject, type JsonObject } from "../../read-body.ts";
import type { CallRequest, EndpointAdapter, PreparedRequest, RequestPolicy } from "../adapter.ts";
import { addToJson } from "../add-to-json.ts";
import { answerText } from "../answer-text.ts";
import { followStream } from "../follow-stream.ts";
import { invalidField, readCount } from "../read-fields.ts";

/** More answers than the API gives to one request. */
const MAX_CANDIDATES = 8;

/** `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`. */
export function generateContent(
  method: "generateContent" | "streamGenerateContent",
): EndpointAdapter {
  const isStream = method === "streamGenerateContent";
  return {
    method: "POST",
    path: `/models/{model}:${method}`,
    operation: "generateContent",
    body: "json",
    isFree: false,
    prepare: (request, policy) => prepare(method, isStream, request, policy),
    readAnswer(answer) {
      const usage = normalizeUsage("google", answer);
      return {
        model: isJsonObject(answer) && typeof answer.modelVersion === "string"
          ? answer.modelVersion
          : null,
        usage,
        text: usage === null ? answerText(answer) : "",
      };
    },
    createStreamReader: () => followStream({ provider: "google", api: "generate_content" }),
  };
}

function prepare(
  method: string,
  isStream: boolean,
  { body, fields, model, query }: CallRequest,
  policy: RequestPolicy,
): PreparedRequest {
  const name = model ?? "";
  if (!Array.isArray(fields.contents) && !isJsonObject(fields.contents)) {
    throw invalidField("contents", "must be the content to answer to");
  }
  const key = findSpelling(fields, "generationConfig", "generation_config");
  const config = isJsonObject(fields[key]) ? fields[key] : {};
  const limit = readCount(config, findSpelling(config, "maxOutputTokens", "max_output_tokens"));
  const candidates = readCount(
    config,
    findSpelling(config, "candidateCount", "candidate_count"),
    MAX_CANDIDATES,
  ) ?? 1;
  const most = outputLimit("google", name) ?? policy.defaultMaxOutputTokens;
  const perCandidate = limit ?? Math.min(policy.defaultMaxOutputTokens, most);
  const additions: JsonObject = limit === undefined
    ? { [key]: { ...config, maxOutputTokens: perCandidate } }
    : {};
  const keepsContext = (fields.cachedContent ?? fields.cached_content) !== undefined;
  return {
    model: name,
    isStream,
    upstreamPath: `/models/${encodeURIComponent(name)}:${method}${streamKind(query)}`,
    body: addToJson(body, fields, additions),
    prompt: fields,
    unseenTokens: {
      likely: 0,
      upper: keepsContext ? policy.storedContextTokens : 0,
    },
    maxOutputTokens: candidates * perCandidate,
    units: null,
    classes: outputClasses(config),
    serviceTier: null,
    hidesUsage: false,
    assumed: null,
  };
}

/** The API takes both spellings. Which of two would count is not ours to guess: the bound hangs on it. */
function findSpelling(fields: JsonObject, usual: string, other: string): string {
  if (fields[other] === undefined) return usual;
  if (fields[usual] === undefined) return other;
  throw invalidField(other, `must not stand beside ${usual}`);
}

/** `alt=sse` makes a stream of events; without it, one JSON array arrives piece by piece. */
function streamKind(query: URLSearchParams): string {
  return query.get("alt") === "sse" ? "?alt=sse" : "";
}

function outputClasses(config: JsonObject): string[] {
  const wanted = config.responseModalities ?? config.response_modalities;
  const kinds = Array.isArray(wanted) ? wanted.map((kind) => String(kind).toLowerCase()) : [];
  return ["audio", "image", "video"].filter((kind) => kinds.includes(kind))
    .map((kind) => `output_${kind}`);
}
