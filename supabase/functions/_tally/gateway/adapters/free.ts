import type { EndpointAdapter } from "../adapter.ts";
import { followStream } from "../follow-stream.ts";

/** What costs nothing: counting tokens, lists of models, and what the operator allows beside them. */
export function free(
  method: EndpointAdapter["method"],
  path: string,
): EndpointAdapter {
  return {
    method,
    path,
    operation: "free",
    body: method === "GET" ? "none" : "any",
    isFree: true,
    prepare: ({ body, fields, model, query, path: asked }) => ({
      model: model ?? (typeof fields.model === "string" ? fields.model : ""),
      isStream: false,
      upstreamPath: asked + passedQuery(query),
      body,
      prompt: {},
      unseenTokens: { likely: 0, upper: 0 },
      maxOutputTokens: 0,
      units: null,
      classes: [],
      serviceTier: null,
      hidesUsage: false,
      assumed: null,
    }),
    readAnswer: () => ({ model: null, usage: null, text: "" }),
    createStreamReader: () => followStream({ provider: "openai", api: "chat" }),
  };
}

/** Everything but keys, which some put into the address. */
function passedQuery(query: URLSearchParams): string {
  const kept = new URLSearchParams(
    [...query].filter(([name]) => !/^(key|api_?key)$/i.test(name)),
  );
  return kept.size === 0 ? "" : `?${kept}`;
}
