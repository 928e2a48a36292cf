import { outputLimit } from "../../count-output.ts";
import type { ProviderName } from "../../env.ts";
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

/** `POST /v1/responses` of OpenAI and xAI. */
export function responses(provider: ProviderName): EndpointAdapter {
  return {
    method: "POST",
    path: "/responses",
    operation: "responses",
    body: "json",
    isFree: false,
    prepare: (request, policy) => prepare(provider, request, policy),
    readAnswer(answer) {
      const usage = normalizeUsage(provider, answer, { api: "responses" });
      return {
        model: isJsonObject(answer) && typeof answer.model === "string" ? answer.model : null,
        usage,
        text: usage === null ? answerText(answer) : "",
      };
    },
    createStreamReader: () =>
      followStream({
        provider,
        api: "responses",
        isLast: ({ type }) => /^response\.(completed|incomplete|failed)$/.test(String(type)),
      }),
  };
}

function prepare(
  provider: ProviderName,
  { body, fields }: CallRequest,
  policy: RequestPolicy,
): PreparedRequest {
  const model = requireModel(fields);
  if (readFlag(fields, "background")) {
    throw invalidField(
      "background",
      "must be off: an answer that is fetched later cannot be metered",
    );
  }
  const limit = readCount(fields, "max_output_tokens");
  const most = outputLimit(provider, model) ?? policy.defaultMaxOutputTokens;
  const maxOutputTokens = limit ??
    Math.min(policy.defaultMaxOutputTokens, most);
  return {
    model,
    isStream: readFlag(fields, "stream"),
    upstreamPath: "/responses",
    body: addToJson(
      body,
      fields,
      limit === undefined ? { max_output_tokens: maxOutputTokens } : {},
    ),
    prompt: fields,
    unseenTokens: {
      likely: 0,
      upper: namesWhatIsKept(fields) ? policy.storedContextTokens : 0,
    },
    maxOutputTokens,
    units: null,
    classes: [],
    serviceTier: readServiceTier(fields.service_tier),
    hidesUsage: false,
    assumed: null,
  };
}

/** Whether the provider puts into the prompt what the request only names. */
function namesWhatIsKept(
  { previous_response_id, conversation, prompt }: JsonObject,
): boolean {
  return [previous_response_id, conversation, prompt].some((value) =>
    value !== undefined && value !== null
  );
}
