import type { TallyError } from "../../errors.ts";
import type { ProviderAdapter } from "../adapter.ts";
import { free } from "./free.ts";
import { embedContent } from "./google-embed.ts";
import { generateContent } from "./google-generate.ts";
import { retryHeaders } from "./openai.ts";

/** The Gemini API; and Vertex AI, whose base URL ends before `/models`. */
export const google: ProviderAdapter = {
  name: "google",
  versions: ["/v1beta", "/v1", "/v1alpha", "/v1beta1"],
  endpoints: [
    generateContent("generateContent"),
    generateContent("streamGenerateContent"),
    embedContent("embedContent"),
    embedContent("batchEmbedContents"),
    free("POST", "/models/{model}:countTokens"),
    free("GET", "/models"),
    free("GET", "/models/{model}"),
  ],
  keyHeaders: (apiKey) => ({ "x-goog-api-key": apiKey }),
  forwardedHeaders: ["accept", "content-type", "x-goog-api-client"],
  respondToError,
};

const STATUS_NAMES: Record<number, string> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  402: "RESOURCE_EXHAUSTED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  405: "INVALID_ARGUMENT",
  409: "ALREADY_EXISTS",
  413: "INVALID_ARGUMENT",
  422: "INVALID_ARGUMENT",
  429: "RESOURCE_EXHAUSTED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

function respondToError(error: TallyError): Response {
  const { code, message, hint, details, ...more } = error.toWire();
  return Response.json(
    {
      error: {
        code: error.status,
        message: hint ? `${message} ${hint}` : message,
        status: STATUS_NAMES[error.status] ?? "INTERNAL",
        details: [{
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason: code,
          domain: "tallybase",
          metadata: { hint, ...(details !== undefined && { field: details }) },
          ...more,
        }],
      },
    },
    { status: error.status, headers: retryHeaders(error) },
  );
}
