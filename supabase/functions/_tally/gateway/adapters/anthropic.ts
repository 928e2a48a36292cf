import type { TallyError } from "../../errors.ts";
import type { ProviderAdapter } from "../adapter.ts";
import { messages } from "./anthropic-messages.ts";
import { free } from "./free.ts";
import { retryHeaders } from "./openai.ts";

/** Anthropic. */
export const anthropic: ProviderAdapter = {
  name: "anthropic",
  versions: ["/v1"],
  endpoints: [
    messages,
    free("POST", "/messages/count_tokens"),
    free("GET", "/models"),
    free("GET", "/models/{model}"),
  ],
  // The version is the SDKs' own; a bare HTTP call may leave it out.
  keyHeaders: (apiKey) => ({
    "x-api-key": apiKey,
    "anthropic-version": "2023-06-01",
  }),
  forwardedHeaders: [
    "accept",
    "content-type",
    "anthropic-version",
    "anthropic-beta",
  ],
  respondToError,
};

const ERROR_TYPES: Record<number, string> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  405: "invalid_request_error",
  409: "invalid_request_error",
  413: "request_too_large",
  422: "invalid_request_error",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
};

function respondToError(error: TallyError): Response {
  const { code, message, hint, details, ...more } = error.toWire();
  return Response.json(
    {
      type: "error",
      error: {
        type: ERROR_TYPES[error.status] ?? "api_error",
        message: hint ? `${message} ${hint}` : message,
        code,
        hint,
        ...(details !== undefined && { param: details }),
        ...more,
      },
      request_id: null,
    },
    { status: error.status, headers: retryHeaders(error) },
  );
}
