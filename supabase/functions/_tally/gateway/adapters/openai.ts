import type { TallyError } from "../../errors.ts";
import type { ProviderAdapter } from "../adapter.ts";
import { openaiChat } from "./openai-chat.ts";

/** OpenAI, and what speaks its format at another base URL. */
export const openai: ProviderAdapter = {
  name: "openai",
  endpoints: [openaiChat],
  keyHeaders: (apiKey) => ({ authorization: `Bearer ${apiKey}` }),
  forwardedHeaders: ["accept", "content-type", "openai-beta"],
  respondToError,
};

const ERROR_TYPES: Record<number, string> = {
  400: "invalid_request_error",
  401: "invalid_request_error",
  402: "insufficient_quota",
  403: "invalid_request_error",
  404: "invalid_request_error",
  405: "invalid_request_error",
  409: "invalid_request_error",
  413: "invalid_request_error",
  422: "invalid_request_error",
  429: "requests",
};

function respondToError(error: TallyError): Response {
  const { code, message, hint, details, ...more } = error.toWire();
  return Response.json(
    {
      error: {
        message: hint ? `${message} ${hint}` : message,
        type: ERROR_TYPES[error.status] ?? "server_error",
        param: details ?? null,
        code,
        hint,
        ...more,
      },
    },
    {
      status: error.status,
      // The SDK would retry a conflict, which cannot end otherwise the second time.
      headers: error.status < 500 && error.status !== 429 ? { "x-should-retry": "false" } : {},
    },
  );
}
