import { outputLimit } from "../../count-output.ts";
import type { ProviderName } from "../../env.ts";
import { normalizeUsage } from "../../normalize-usage.ts";
import { isJsonObject, type JsonObject } from "../../read-body.ts";
import type {
  CallRequest,
  EndpointAdapter,
  PreparedRequest,
  ReadAnswer,
  RequestPolicy,
} from "../adapter.ts";
import { addToJson } from "../add-to-json.ts";
import { answerText } from "../answer-text.ts";
import { followStream } from "../follow-stream.ts";
import {
  invalidField,
  readCount,
  readFlag,
  readServiceTier,
  requireModel,
} from "../read-fields.ts";

/** More answers than the API gives to one request. */
const MAX_CHOICES = 128;

/**
 * `POST /v1/chat/completions` of OpenAI and of those who speak its format. xAI streams its usage
 * whether or not anybody asks: there is nothing to add, and nothing to hide.
 */
export function chatCompletions(provider: ProviderName): EndpointAdapter {
  return {
    method: "POST",
    path: "/chat/completions",
    operation: "chat.completions",
    body: "json",
    isFree: false,
    prepare: (request, policy) => prepare(provider, request, policy),
    readAnswer: (answer) => readAnswer(provider, answer),
    createStreamReader: () =>
      followStream({
        provider,
        api: "chat",
        isUsageOnly: (chunk) =>
          isJsonObject(chunk.usage) && Array.isArray(chunk.choices) &&
          chunk.choices.length === 0,
      }),
  };
}

function prepare(
  provider: ProviderName,
  { body, fields }: CallRequest,
  policy: RequestPolicy,
): PreparedRequest {
  const model = requireModel(fields);
  if (!Array.isArray(fields.messages) || fields.messages.length === 0) {
    throw invalidField("messages", "must be a list of at least one message");
  }
  if (fields.deferred === true) {
    throw invalidField(
      "deferred",
      "must be off: an answer that is fetched later cannot be metered",
    );
  }
  const isStream = readFlag(fields, "stream");
  const choices = readCount(fields, "n", MAX_CHOICES) ?? 1;
  const limits = [
    readCount(fields, "max_completion_tokens"),
    readCount(fields, "max_tokens"),
  ]
    .filter((limit) => limit !== undefined);

  const additions: JsonObject = {};
  if (limits.length === 0) {
    // A limit above the model's own would be an error of the provider.
    const most = outputLimit(provider, model) ?? policy.defaultMaxOutputTokens;
    limits.push(Math.min(policy.defaultMaxOutputTokens, most));
    additions.max_completion_tokens = limits[0];
  }
  const options = isJsonObject(fields.stream_options) ? fields.stream_options : {};
  const hidesUsage = provider === "openai" && isStream &&
    options.include_usage !== true;
  if (hidesUsage) {
    additions.stream_options = { ...options, include_usage: true };
  }

  return {
    model,
    isStream,
    upstreamPath: "/chat/completions",
    body: addToJson(body, fields, additions),
    prompt: fields,
    unseenTokens: { likely: 0, upper: 0 },
    maxOutputTokens: choices * Math.max(...limits),
    units: null,
    classes: Array.isArray(fields.modalities) && fields.modalities.includes("audio")
      ? ["output_audio"]
      : [],
    serviceTier: readServiceTier(fields.service_tier),
    hidesUsage,
    assumed: null,
  };
}

function readAnswer(provider: ProviderName, answer: unknown): ReadAnswer {
  const usage = normalizeUsage(provider, answer, { api: "chat" });
  return {
    model: isJsonObject(answer) && typeof answer.model === "string" ? answer.model : null,
    usage,
    text: usage === null ? answerText(answer) : "",
  };
}
