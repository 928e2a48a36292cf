import { normalizeUsage } from "../../normalize-usage.ts";
import { isJsonObject, type JsonObject } from "../../read-body.ts";
import type { EndpointAdapter } from "../adapter.ts";
import { followStream } from "../follow-stream.ts";
import { invalidField } from "../read-fields.ts";

/** `POST /v1beta/models/{model}:embedContent` and `:batchEmbedContents`. */
export function embedContent(
  method: "embedContent" | "batchEmbedContents",
): EndpointAdapter {
  return {
    method: "POST",
    path: `/models/{model}:${method}`,
    operation: "embedContent",
    body: "json",
    isFree: false,
    prepare: ({ body, fields, model }) => ({
      model: model ?? "",
      isStream: false,
      upstreamPath: `/models/${encodeURIComponent(model ?? "")}:${method}`,
      body,
      prompt: { contents: readContents(fields) },
      unseenTokens: { likely: 0, upper: 0 },
      maxOutputTokens: 0,
      units: null,
      classes: [],
      serviceTier: null,
      hidesUsage: false,
      assumed: null,
    }),
    readAnswer: (answer) => ({
      model: null,
      usage: normalizeUsage("google", answer),
      text: "",
    }),
    createStreamReader: () => followStream({ provider: "google", api: "generate_content" }),
  };
}

/** One content, or that of every request of a batch. */
function readContents({ content, requests }: JsonObject): unknown[] {
  const contents = Array.isArray(requests)
    ? requests.map((request) => isJsonObject(request) ? request.content : undefined)
    : [content];
  if (contents.length === 0 || !contents.every(isJsonObject)) {
    throw invalidField(
      Array.isArray(requests) ? "requests" : "content",
      "must be what to embed",
    );
  }
  return contents;
}
