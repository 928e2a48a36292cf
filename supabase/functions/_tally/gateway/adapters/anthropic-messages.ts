import { outputLimit } from "../../count-output.ts";
import { normalizeUsage } from "../../normalize-usage.ts";
import { isJsonObject, type JsonObject } from "../../read-body.ts";
import type { CallRequest, EndpointAdapter, PreparedRequest, RequestPolicy } from "../adapter.ts";
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

/** `POST /v1/messages`. */
export const messages: EndpointAdapter = {
  method: "POST",
  path: "/messages",
  operation: "messages",
  body: "json",
  isFree: false,
  prepare,
  readAnswer(answer) {
    const usage = normalizeUsage("anthropic", answer, { api: "messages" });
    return {
      model: isJsonObject(answer) && typeof answer.model === "string" ? answer.model : null,
      usage,
      text: usage === null ? answerText(answer) : "",
    };
  },
  createStreamReader: () =>
    followStream({
      provider: "anthropic",
      api: "messages",
      isLast: ({ type }) => type === "message_stop",
    }),
};

function prepare(
  { body, fields, query }: CallRequest,
  policy: RequestPolicy,
): PreparedRequest {
  const model = requireModel(fields);
  if (!Array.isArray(fields.messages) || fields.messages.length === 0) {
    throw invalidField("messages", "must be a list of at least one message");
  }
  const limit = readCount(fields, "max_tokens");
  const most = outputLimit("anthropic", model) ?? policy.defaultMaxOutputTokens;
  const maxOutputTokens = limit ??
    Math.min(policy.defaultMaxOutputTokens, most);
  return {
    model,
    isStream: readFlag(fields, "stream"),
    upstreamPath: `/messages${query.get("beta") === "true" ? "?beta=true" : ""}`,
    body: addToJson(
      body,
      fields,
      limit === undefined ? { max_tokens: maxOutputTokens } : {},
    ),
    prompt: fields,
    unseenTokens: { likely: 0, upper: 0 },
    maxOutputTokens,
    units: null,
    classes: [],
    serviceTier: readTier(fields),
    hidesUsage: false,
    assumed: null,
  };
}

/** Fast mode and a surcharged region are cards of their own. */
function readTier(
  { speed, inference_geo, service_tier }: JsonObject,
): string | null {
  const tier = speed === "fast" ? "fast" : readServiceTier(service_tier);
  if (typeof inference_geo !== "string" || inference_geo === "global") {
    return tier;
  }
  return `${tier ?? "standard"}_${inference_geo.slice(0, 16)}`;
}
