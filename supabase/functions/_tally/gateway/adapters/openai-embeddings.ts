import type { ProviderName } from "../../env.ts";
import { normalizeUsage } from "../../normalize-usage.ts";
import { isJsonObject } from "../../read-body.ts";
import type { EndpointAdapter } from "../adapter.ts";
import { followStream } from "../follow-stream.ts";
import { requireModel } from "../read-fields.ts";

/** `POST /v1/embeddings`. */
export function embeddings(provider: ProviderName): EndpointAdapter {
  return {
    method: "POST",
    path: "/embeddings",
    operation: "embeddings",
    body: "json",
    isFree: false,
    prepare: ({ body, fields }) => ({
      model: requireModel(fields),
      isStream: false,
      upstreamPath: "/embeddings",
      body,
      prompt: fields,
      unseenTokens: { likely: 0, upper: 0 },
      maxOutputTokens: 0,
      units: null,
      classes: [],
      serviceTier: null,
      hidesUsage: false,
      assumed: null,
    }),
    readAnswer: (answer) => ({
      model: isJsonObject(answer) && typeof answer.model === "string" ? answer.model : null,
      usage: normalizeUsage(provider, answer, { api: "embeddings" }),
      text: "",
    }),
    createStreamReader: () => followStream({ provider, api: "embeddings" }),
  };
}
